"""Measurements: each module answers one question about speed, and is run by `python -m bench.<name>`."""
