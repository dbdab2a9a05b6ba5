"""Large operations against a server whose event loop is watched: no client may make it stand still."""
