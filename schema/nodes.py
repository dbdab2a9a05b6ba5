"""The interfaces that types with a global id implement."""

from datetime import datetime
from typing import Any

import strawberry
from graphql import GraphQLAbstractType, GraphQLResolveInfo
from strawberry import ID, Parent

from models.ids import to_global_id


@strawberry.interface
class Node:
    """An object with a global id. Each GraphQL type has the name of its model."""

    @classmethod
    def is_type_of(cls, row: object, _info: GraphQLResolveInfo[Any]) -> bool:
        return type(row).__name__ == cls.__name__

    @classmethod
    def resolve_type(cls, row: object, _info: GraphQLResolveInfo[Any], _type: GraphQLAbstractType) -> str:
        return type(row).__name__

    @strawberry.field
    @staticmethod
    def id(row: Parent[Any]) -> ID:
        return ID(to_global_id(type(row).__name__, row.id))


@strawberry.interface
class Record(Node):
    """A record that can be a member of groups."""

    created_at: datetime
    updated_at: datetime
