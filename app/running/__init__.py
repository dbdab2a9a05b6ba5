"""A server's life: building the application, serving it, its background workers, and stopping."""
