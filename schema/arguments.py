"""Turning inputs into what resolvers take: plain dicts, and criteria as JSON documents."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from types import NoneType
from typing import Any, NamedTuple

from strawberry import UNSET
from strawberry.types.field import StrawberryField

from schema.criteria import AppointmentCriteria, ContactCriteria, CriteriaInput
from schema.scalars import write_decimal
from schema.strawberry_adapter import get_object_definition, to_camel_case

CRITERIA = frozenset({CriteriaInput, ContactCriteria, AppointmentCriteria})
ATOMS = frozenset({str, int, bool, float, NoneType, dict})  # and the values of JSON, whatever they hold
LEFT = ATOMS | {list}  # a list in a list is a scalar's, which may hold any number more of them


PREPARED = "_prepared"  # the attribute of an input that holds what `plain` returns for it


def prepare(value: Any) -> None:
    """Compute what `plain` and `document` return for an input with many values, and keep it there. This may be called in a thread."""
    fields = _fields(type(value))
    if fields:
        for field in fields:
            prepare(getattr(value, field.name))
        vars(value)[PREPARED] = plain(value)


def plain(value: Any) -> Any:
    """An input as dicts, lists and values, under Python names and without what the client left out."""
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is list:
        return [item if item.__class__ in LEFT else plain(item) for item in value]
    fields = _fields(kind)
    if fields is None:
        return value
    if PREPARED in vars(value):
        return vars(value)[PREPARED]
    if kind in CRITERIA:
        return document(value)
    return {name: found if found.__class__ in ATOMS else plain(found) for name, found in _given(value, fields)}


def changes(value: object) -> dict[str, Any]:
    """The values of an input, without those that identify the row to change."""
    return {name: found for name, found in plain(value).items() if name not in ("id", "key", "contact_id")}


def document(value: Any) -> Any:
    """Criteria as a JSON document in the shape of CriteriaInput, as they are stored. Nulls and defaults are left out."""
    kind = type(value)
    if kind in ATOMS:
        return value
    if kind is list:
        return [item if item.__class__ in ATOMS else document(item) for item in value]
    if fields := _fields(kind):
        if kind in CRITERIA and PREPARED in vars(value):
            return vars(value)[PREPARED]
        given = {field.key: found for field in fields if (found := getattr(value, field.name)) is not UNSET and found != field.default}
        added: dict[str, Any] = getattr(value, "added", {})
        return {key: document(found) for key, found in (given | added).items() if found is not None}
    match value:
        case Enum():
            return value.name
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return write_decimal(value)
    return value


class _Field(NamedTuple):
    """A field of an input: its names in Python and in documents, and its default."""

    name: str
    key: str
    default: object


_known: dict[type, list[_Field] | None] = {}


def _fields(kind: type) -> list[_Field] | None:
    """The fields of an input, or None for any other class."""
    if kind not in _known:
        definition = get_object_definition(kind)
        _known[kind] = [_Field(field.python_name, _key(field), field.default) for field in definition.fields] if definition else None
    return _known[kind]


def _given(value: object, fields: list[_Field]) -> Iterator[tuple[str, Any]]:
    for field in fields:
        found = getattr(value, field.name)
        if found is not UNSET:
            yield field.name, found


def _key(declared: StrawberryField) -> str:
    return declared.graphql_name or to_camel_case(declared.python_name)
