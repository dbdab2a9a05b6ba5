"""Clients by others, run unchanged against a real server: `make clients`."""
