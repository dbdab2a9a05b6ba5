"""Bulk actions: one change of any number of contacts, chunk by chunk, each chunk a complete write."""
