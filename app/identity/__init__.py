"""Signs users in with JWTs of an identity provider: its keys, the required claims, and the user they name."""
