"""Exporting contacts to a file: in which format it is written, and how it comes to be where it belongs."""
