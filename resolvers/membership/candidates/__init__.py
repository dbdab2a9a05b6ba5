"""Finding the groups that a changed value can affect, by an inverted index over their criteria."""
