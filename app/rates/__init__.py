"""Rate limits: counts per minute, in this process or in a shared Redis or Valkey server."""
