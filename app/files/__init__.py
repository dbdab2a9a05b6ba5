"""Imports contacts from files and exports them to files."""
