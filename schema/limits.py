"""The bounds on GraphQL documents, given by the composition root from its settings."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds on one document: on its text, and on its operations with all fragments expanded."""

    characters: int = 65_536
    """Of the text, comments and all; to read so many takes a tenth of a second, in which nobody else is served."""
    tokens: int = 5_000
    values: int = 64_000
    """In its variables, lists and objects too: forty for each row of an import, and room besides. They take a second or two to read."""
    depth: int = 15
    aliases: int = 50
    fields: int = 500
    comparisons: int = 40_000
    """Pairs of selections with the same name in the text; to compare so many takes validation some tenths of a second."""
    cost: int = 250_000
    """Points of one operation: values that its answer may hold, which take a second or two to be put together."""
    page: int = 50
    """Nodes that a connection holds when the document does not say, for what it costs."""
    largest_page: int = 250
