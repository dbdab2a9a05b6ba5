"""Keyset pagination of connections. A page begins where a cursor points, whatever was inserted or deleted meanwhile."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.errors import BadInput
from models.orm.keyset import Order, parts, read_cursor, write_cursor
from resolvers.operation.context import PageLimits
from resolvers.reading.selection import Selection

M = TypeVar("M", bound=Model)
N_co = TypeVar("N_co", covariant=True)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageArguments:
    """The page that a client asks for: the first nodes after a cursor, or the last ones before it."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    @property
    def backward(self) -> bool:
        """Whether the page is counted from its end."""
        return self.last is not None or (self.first is None and self.before is not None and self.after is None)


@dataclass(frozen=True, slots=True)
class Edge(Generic[N_co]):
    """A node in a list with its cursor, and what the list adds to the node."""

    cursor: str
    node: N_co
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page(Generic[N_co]):
    """Consecutive edges of a list. The whole list is counted only if `total_count` is called."""

    edges: Sequence[Edge[N_co]]
    has_next_page: bool
    has_previous_page: bool
    total_count: Callable[[], Awaitable[int]]

    @property
    def nodes(self) -> list[N_co]:
        """The nodes without their cursors."""
        return [edge.node for edge in self.edges]

    @property
    def start_cursor(self) -> str | None:
        """The cursor of the first edge."""
        return self.edges[0].cursor if self.edges else None

    @property
    def end_cursor(self) -> str | None:
        """The cursor of the last edge."""
        return self.edges[-1].cursor if self.edges else None

    def with_edges(self, edges: Sequence[Edge[T]]) -> "Page[T]":
        """Return the same page with other edges, for a list whose rows only refer to its nodes."""
        return Page(edges, self.has_next_page, self.has_previous_page, self.total_count)


async def page(listed: QuerySet[M] | Selection[M], arguments: PageArguments, *, order: Order, limits: PageLimits) -> Page[M]:
    """Read the page that the arguments ask for. Raises `BadInput` for arguments that contradict each other or are out of range."""
    selection = listed if isinstance(listed, Selection) else Selection(listed)
    size = _size(arguments, limits)
    after = read_cursor(selection.records, order, "after", arguments.after)
    before = read_cursor(selection.records, order, "before", arguments.before)
    low, high = (before, after) if order.descending else (after, before)
    found = [replace(selection, records=part) for part in parts(selection.records, order, low, high)]
    rows = await _first_rows(found, order, size + 1, rising=order.descending == arguments.backward)
    more = len(rows) > size
    shown = rows[:size][::-1] if arguments.backward else rows[:size]
    return Page(
        edges=[Edge(write_cursor(order, row), row) for row in shown],
        has_next_page=before is not None or (more and not arguments.backward),
        has_previous_page=after is not None or (more and arguments.backward),
        total_count=selection.all.count,
    )


def _size(arguments: PageArguments, limits: PageLimits) -> int:
    if arguments.first is not None and arguments.last is not None:
        raise BadInput("`first` and `last` exclude each other. Send `first` to read forward, or `last` to read backward.")
    name, size = ("last", arguments.last) if arguments.first is None else ("first", arguments.first)
    if size is None:
        return limits.default
    if not 0 <= size <= limits.largest:
        raise BadInput(f"`{name}` is {size}. Ask for 0 to {limits.largest} nodes at a time, and follow the cursors for more.")
    return size


async def _first_rows(found: list[Selection[M]], order: Order, count: int, *, rising: bool) -> list[M]:
    sign = "" if rising else "-"
    rows: list[M] = []
    for part in found if rising else reversed(found):
        if len(rows) < count:
            rows += await part.first(count - len(rows), *(f"{sign}{column}" for column in order.columns))
    return rows
