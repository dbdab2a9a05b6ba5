"""Connections, transactions, locks and migrations of both database engines."""
