"""Evaluating criteria in Python, against the facts of one contact."""
