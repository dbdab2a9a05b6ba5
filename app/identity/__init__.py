"""Signing in with a JWT of an identity provider: its keys, what its tokens must say, and whom they stand for."""
