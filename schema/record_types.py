"""The enum of record types, whose values are those of the table that a schema is built for."""

from collections.abc import Iterable
from enum import StrEnum

import strawberry
from graphql import GraphQLSchema

from models.groups import CONTACT_TYPE
from schema.strawberry_adapter import set_enum_values


@strawberry.enum
class RecordType(StrEnum):
    """The kinds of record, of which only contacts are known before a schema is built."""

    CONTACT = CONTACT_TYPE


def list_record_types(schema: GraphQLSchema, names: Iterable[str]) -> None:
    """Give the enum of this schema a value for each record type. Resolvers take and return the names of the types."""
    set_enum_values(schema, RecordType.__name__, names)
