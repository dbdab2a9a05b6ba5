"""How it is answered: plain functions from a context to models, in layers: nouns, the door, membership, criteria."""
