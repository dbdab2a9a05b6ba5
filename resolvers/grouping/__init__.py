"""Groups, their members, permissions, builds and watchers."""
