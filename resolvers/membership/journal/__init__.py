"""The stored outcome of a write: event logs and member sets of groups, and how long they are kept."""
