"""Waking the tasks of watchers: once for many changes, after some time, or not at all where a message can be pushed."""
