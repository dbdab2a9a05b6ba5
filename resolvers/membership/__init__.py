"""Keeping memberships up to date: definitions, finding and evaluating affected groups, the journal, rebuilding, the clock."""
