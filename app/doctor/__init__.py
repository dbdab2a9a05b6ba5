"""Checks a deployment from the command line, and reports problems with their remedies."""
