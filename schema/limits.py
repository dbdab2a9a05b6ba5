"""The limits of GraphQL documents, which the composition root takes from its settings."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

CONTAINERS: frozenset[type] = frozenset({dict, list})
QUICK_VALUES = 200  # of inputs, which are coerced and converted within some milliseconds


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Limits of one document: of its text, and of its operations with all fragments expanded."""

    characters: int = 65_536
    """In the text, including comments. Parsing this many blocks the process for a tenth of a second."""
    tokens: int = 5_000
    values: int = 64_000
    """In its variables, including lists and objects. An import needs forty for each row. Parsing this many takes a second or two."""
    depth: int = 15
    aliases: int = 50
    fields: int = 500
    comparisons: int = 40_000
    """Pairs of selections with the same name in the text. Validation takes some tenths of a second to compare this many."""
    cost: int = 250_000
    """Points of one operation: values that its answer may contain, which take a second or two to complete."""
    page: int = 50
    """Nodes that a connection is assumed to have if the document does not say."""
    largest_page: int = 250


def count_values(value: object, most: int) -> int:
    """How many values a JSON value consists of. It counts no further than to a value too many, so that a large value costs little."""
    unread: list[Any] = [value] if value.__class__ in CONTAINERS else []
    found = 0
    while unread and found <= most:
        part = unread.pop()
        below: Collection[object] = part.values() if part.__class__ is dict else part
        unread += [each for each in below if each.__class__ in CONTAINERS]
        found += len(below)
    return found
