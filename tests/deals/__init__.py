"""Deals: a record type that the product does not have, passed to the composition root as somebody would who adds one."""
