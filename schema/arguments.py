"""Turning inputs into what resolvers take: plain dicts, and criteria as JSON documents."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from strawberry import UNSET
from strawberry.types.field import StrawberryField

from schema.criteria import AppointmentCriteria, ContactCriteria, CriteriaInput
from schema.scalars import write_decimal
from schema.strawberry_adapter import StrawberryObjectDefinition, get_object_definition, to_camel_case


def plain(value: Any) -> Any:
    """An input as dicts, lists and values, under Python names and without what the client left out."""
    match value:
        case CriteriaInput() | ContactCriteria() | AppointmentCriteria():
            return document(value)
        case list():
            # A list in a list is a scalar's, which may hold any number more of them.
            return [item if isinstance(item, list) else plain(item) for item in value]
        case _ if definition := get_object_definition(value):
            return {declared.python_name: plain(found) for declared, found in _given(value, definition)}
        case _:
            return value


def changes(value: object) -> dict[str, Any]:
    """The values of an input, without those that identify the row to change."""
    return {name: found for name, found in plain(value).items() if name not in ("id", "key", "contact_id")}


def document(value: Any) -> Any:
    """Criteria as a JSON document in the shape of CriteriaInput, as they are stored. Nulls and defaults are left out."""
    match value:
        case Enum():
            return value.name
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case Decimal():
            return write_decimal(value)
        case list():
            return [document(item) for item in value]
        case _ if definition := get_object_definition(value):
            given = {_key(declared): found for declared, found in _given(value, definition) if found != declared.default}
            added: dict[str, Any] = getattr(value, "added", {})
            return {key: document(found) for key, found in (given | added).items() if found is not None}
        case _:
            return value


def _given(value: object, definition: StrawberryObjectDefinition) -> Iterator[tuple[StrawberryField, Any]]:
    for declared in definition.fields:
        found = getattr(value, declared.python_name)
        if found is not UNSET:
            yield declared, found


def _key(declared: StrawberryField) -> str:
    return declared.graphql_name or to_camel_case(declared.python_name)
