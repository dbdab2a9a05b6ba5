"""Evaluating candidate groups for the contacts that a write has touched."""
