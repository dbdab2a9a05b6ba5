"""Importing a CSV file of contacts: reading it, matching its columns to fields, and writing the rows in chunks."""
