"""The limits on the depth and the number of conditions. They are checked without recursion, before a document is parsed."""

from collections.abc import Collection, Iterator
from itertools import islice
from typing import Any

from models.errors import ProblemCode, refuse
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.record_types import CONTACT, RecordTypes

LISTS = ("all", "any")
LEVELS = ("not", CONTACT.noun)  # and the keys of what contacts own
WITHIN_RELATIONS = ("some", "none", "atLeast", "where")

Visit = tuple[Any, tuple[str, ...], int]


def check_bounds(document: Any, limits: CriteriaLimits, record_types: RecordTypes) -> None:
    """Refuse criteria that are nested too deep or have too many conditions, even if they are invalid in other ways."""
    waiting: list[Visit] = [(held, (key,), 0) for key, held in document.items()] if isinstance(document, dict) else []
    levels = {*LEVELS, *record_types.owned_by_key}
    leaves = 0
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
