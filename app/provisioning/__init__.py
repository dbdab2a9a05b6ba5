"""Creates accounts and access tokens from the command line, and finds accounts by name."""
