"""Faults that are planted one at a time in a copy of the tree, to see that the tests notice each of them."""
