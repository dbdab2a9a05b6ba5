"""The language of criteria: one tree, read as a query, as a predicate and as a sentence."""
