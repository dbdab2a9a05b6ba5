"""How much is taken from every allowance in the current minute: by this process alone, or by all that share a Redis or Valkey server."""
