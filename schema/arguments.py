"""What fields are given: the operation's context, and inputs as the plain dicts that resolvers take."""

from collections.abc import Callable, Iterator
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import strawberry
from strawberry import UNSET
from strawberry.extensions import FieldExtension
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from resolvers.context import Context
from schema.criteria import AppointmentCriteria, ContactCriteria, CriteriaInput
from schema.scalars import write_decimal

Info = strawberry.Info[Context, None]


def field(graphql_type: object, *extensions: FieldExtension, subscription: bool = False) -> Callable[[Callable[..., Any]], StrawberryField]:
    """Declare a field of this GraphQL type whose function returns what stands behind it: a model, a page, a message."""

    def declare(resolver: Callable[..., Any]) -> StrawberryField:
        return strawberry.field(resolver, graphql_type=graphql_type, extensions=list(extensions), is_subscription=subscription)

    return declare


def plain(value: Any) -> Any:
    """An input as dicts, lists and values, with the keys of the Python side and without what the client left out."""
    match value:
        case CriteriaInput() | ContactCriteria() | AppointmentCriteria():
            return document(value)
        case list():
            return [plain(item) for item in value]
        case _ if definition := get_object_definition(value):
            return {declared.python_name: plain(found) for declared, found in _given(value, definition)}
        case _:
            return value


def changes(value: object) -> dict[str, Any]:
    """What an update is to change: its input without what names the thing."""
    return {name: found for name, found in plain(value).items() if name not in ("id", "key", "contact_id")}


def document(value: Any) -> Any:
    """Criteria as a JSON document in the shape of CriteriaInput, as they are stored and read back; nulls and defaults are left out."""
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
            given = _given(value, definition)
            return {_key(declared): document(found) for declared, found in given if found is not None and found != declared.default}
        case _:
            return value


def _given(value: object, definition: StrawberryObjectDefinition) -> Iterator[tuple[StrawberryField, Any]]:
    for declared in definition.fields:
        found = getattr(value, declared.python_name)
        if found is not UNSET:
            yield declared, found


def _key(declared: StrawberryField) -> str:
    return declared.graphql_name or to_camel_case(declared.python_name)
