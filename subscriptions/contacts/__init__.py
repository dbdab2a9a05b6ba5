"""Watched contacts: which groups they are in, and the stream of joins and leaves."""
