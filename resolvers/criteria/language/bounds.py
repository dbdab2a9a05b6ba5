"""The limits on the depth, the conditions and the patterns. They are checked without recursion, before a document is parsed."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from models.errors import ProblemCode, refuse
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.record_types import CONTACT, RecordTypes

LISTS = ("all", "any")
LEVELS = ("not", CONTACT.noun)  # and the keys of what contacts own
WITHIN_RELATIONS = ("some", "none", "atLeast", "where")
PATTERNS = ("contains", "notContains", "endsWith", "notEndsWith")

TOO_MANY_PATTERNS = (
    "The criteria have more than {most} texts for `contains` and `endsWith`: "
    "compare with `equals` or `startsWith`, or move a part into a group of its own."
)

Visit = tuple[Any, tuple[str, ...], int]


def check_bounds(document: Any, limits: CriteriaLimits, record_types: RecordTypes) -> None:
    """Refuse criteria that are nested too deep or have too many conditions, even if they are invalid in other ways."""
    waiting: list[Visit] = [(held, (key,), 0) for key, held in document.items()] if isinstance(document, dict) else []
    levels = {*LEVELS, *record_types.owned_by_key}
    leaves = patterns = 0
    while waiting:
        value, path, depth = waiting.pop()
        if depth > limits.depth:
            message = f"The criteria are nested more than {limits.depth} levels deep: flatten them, or move a part into a group of its own."
            raise refuse(ProblemCode.TOO_COMPLEX, message, *path)
        below = list(islice(_below(value, path, depth, levels=levels), limits.leaves + 1))
        leaves += not below
        if leaves + len(waiting) + len(below) > limits.leaves:
            message = f"The criteria have more than {limits.leaves} conditions: move a part into a group of its own."
            raise refuse(ProblemCode.TOO_COMPLEX, message, *path)
        patterns += 0 if below else _patterns(value)
        if patterns > limits.patterns:
            raise refuse(ProblemCode.TOO_COMPLEX, TOO_MANY_PATTERNS.format(most=limits.patterns), *path)
        waiting += below


def _below(value: Any, path: tuple[str, ...], depth: int, *, levels: Collection[str]) -> Iterator[Visit]:
    for key, held in value.items() if isinstance(value, dict) else ():
        if key in LISTS and isinstance(held, list):
            for index, item in enumerate(held):
                yield item, (*path, key, str(index)), depth + 1
        elif key in levels:
            yield held, (*path, key), depth + 1
        elif key in WITHIN_RELATIONS:
            yield held, (*path, key), depth


def _patterns(leaf: Any) -> int:
    """How many texts a condition looks for inside other texts, even if it is invalid."""
    unread, found = [leaf], 0
    for _ in range(3):  # levels: a field, the kind of a custom field, and the operator
        below = [(key, held) for value in unread if isinstance(value, dict) for key, held in value.items()]
        found += sum(len(held) for key, held in below if key in PATTERNS and isinstance(held, list))
        unread = [held for key, held in below if key not in PATTERNS]
    return found
