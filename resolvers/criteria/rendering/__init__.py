"""Writing criteria as English sentences."""
