"""The migrations of the table of deals."""
