"""Writes contacts to a file: the formats, and replacing the file only when it is complete."""
