"""The connection of a group's members, whose edges also say when each member joined."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry import Parent

from resolvers.reading.paging import Edge
from schema.connections import Listing
from schema.fields import field
from schema.nodes import Record


@strawberry.type
class MemberEdge:
    """A member and its position."""

    cursor: str
    node: Record

    @field(datetime)
    @staticmethod
    def joined_at(edge: Parent[Edge[Any]]) -> Any:
        return edge.extra["joined_at"]


@strawberry.type
class MemberConnection(Listing):
    """A page of a group's members."""

    edges: list[MemberEdge]
    nodes: list[Record]
