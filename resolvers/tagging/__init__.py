"""Tags, and which contacts carry them."""
