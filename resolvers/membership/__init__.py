"""How groups stay true: definitions, facts, settling, the clock."""
