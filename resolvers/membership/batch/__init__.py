"""Evaluating many contacts at once, with one query for many groups."""
