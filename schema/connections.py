"""Connections as Relay specifies them, over the pages that resolvers return."""

from typing import Any, Generic, TypeVar

import strawberry
from strawberry import Parent
from strawberry.extensions import FieldExtension
from strawberry.types.field import StrawberryField

from resolvers.reading.paging import Page, PageArguments
from schema.strawberry_adapter import add_arguments

T = TypeVar("T")


@strawberry.type
class PageInfo:
    """Where a page lies in its list."""

    has_next_page: bool
    has_previous_page: bool
    start_cursor: str | None
    end_cursor: str | None


@strawberry.type
class Edge(Generic[T]):
    """A node and its place."""

    cursor: str
    node: T


@strawberry.type
class Listing:
    """The fields of every connection."""

    @strawberry.field
    @staticmethod
    def page_info(page: Parent[Page[Any]]) -> PageInfo:
        return PageInfo(
            has_next_page=page.has_next_page,
            has_previous_page=page.has_previous_page,
            start_cursor=page.start_cursor,
            end_cursor=page.end_cursor,
        )

    @strawberry.field
    @staticmethod
    async def total_count(page: Parent[Page[Any]]) -> int:
        return await page.total_count()


@strawberry.type
class Connection(Listing, Generic[T]):
    """A page of a list."""

    edges: list[Edge[T]]
    nodes: list[T]


class Paged(FieldExtension):
    """Gives a connection its page arguments, which its function takes as the one parameter `page`."""

    def __init__(self, *, backward: bool = True) -> None:
        self._annotations: dict[str, object] = {"first": int | None, "after": str | None}
        if backward:
            self._annotations |= {"last": int | None, "before": str | None}

    def apply(self, field: StrawberryField) -> None:
        """Declare the arguments, for each schema that is built from the field."""
        add_arguments(field, self._annotations, instead_of="page")

    def map_arguments(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments, with those of the page joined into one."""
        others = {name: value for name, value in kwargs.items() if name not in self._annotations}
        return {**others, "page": PageArguments(**{name: kwargs.get(name) for name in self._annotations})}
