"""Criteria that refer to other groups in place of some, for a membership that is built beside the one in force."""

from collections.abc import Iterator, Mapping
from typing import Any

from models.ids import number_of, to_global_id


def groups_named(document: Any) -> Iterator[int]:
    """The ids of the groups that a document refers to, in the order in which they stand there."""
    match document:
        case {"group": dict() as operators}:
            yield from (number for named in operators.values() for text in named if (number := number_of(text, "Group")))
        case dict():
            for held in document.values():
                yield from groups_named(held)
        case list():
            for held in document:
                yield from groups_named(held)


def with_groups(document: Any, renamed: Mapping[int, int]) -> Any:
    """The document with some groups replaced by others."""
    match document:
        case {"group": dict() as operators}:
            return {"group": {operator: [_renamed(text, renamed) for text in texts] for operator, texts in operators.items()}}
        case dict():
            return {key: with_groups(held, renamed) for key, held in document.items()}
        case list():
            return [with_groups(held, renamed) for held in document]
    return document


def _renamed(text: str, renamed: Mapping[int, int]) -> str:
    number = renamed.get(number_of(text, "Group") or 0)
    return text if number is None else to_global_id("Group", number)
