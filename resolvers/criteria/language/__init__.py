"""The criteria language: its tree, operators, fields, limits and parser."""
