"""Keyset pagination: positions in an ordered list, their cursors, and the rows between two positions.

Rows have one total order: by a column, missing values last, then by a unique column. A descending list is that order read
backwards, so both directions and both engines agree.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pypika_tortoise.terms import Tuple
from tortoise.expressions import Q, ResolveContext
from tortoise.fields import Field
from tortoise.models import Model
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet
from typing_extensions import override

from models.errors import BadInput
from models.fields import FoldedColumn
from models.orm.tortoise_adapter import fields_of, stored
from models.text import storable

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is ordered. Its cursors carry `name`, so that a cursor of another list is refused.

    `tie` must be unique among the listed rows. Rows are ordered by `column` first if there is one.
    """

    name: str
    column: str | None = None
    tie: str = "id"
    descending: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Everything that rows are ordered by."""
        return (self.tie,) if self.column is None else (self.column, self.tie)


@dataclass(frozen=True, slots=True)
class KeysetPosition:
    """The stored values that a row is ordered by. `value` is None if the row has none, or the order has no column."""

    value: str | int | None
    tie: int

    @property
    def key(self) -> tuple[str | int, ...]:
        """The values that positions in the same part of the list are compared by."""
        return (self.tie,) if self.value is None else (self.value, self.tie)


class Beyond(Q):
    """The rows strictly above or below a position: a comparison of whole rows, which is one range of an index."""

    __slots__ = ("above", "columns", "position")

    def __init__(self, columns: tuple[str, ...], position: KeysetPosition, *, above: bool) -> None:
        super().__init__()
        self.columns = columns
        self.position = position
        self.above = above

    @override
    def __bool__(self) -> bool:
        return True  # or the query set would drop it: it has neither filters nor children

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        row = Tuple(*(resolve_context.table[column] for column in self.columns))
        position = Tuple(*self.position.key)
        return QueryModifier(where_criterion=row > position if self.above else row < position)


def parts(queryset: QuerySet[M], order: Order, low: KeysetPosition | None, high: KeysetPosition | None) -> list[QuerySet[M]]:
    """Query sets of the rows strictly between two positions: first those with a value, then those without.

    Read apart, each of the two is one range of an index on either engine, wherever that engine sorts missing values.
    """
    found = []
    if order.column and not (low and low.value is None):
        valued = queryset.filter(**{f"{order.column}__isnull": False})
        found.append(_between(valued, order.columns, low, high if high and high.value is not None else None))
    if not (high and high.value is not None) and (order.column is None or _field(queryset, order.column).null):
        missing = queryset.filter(**{f"{order.column}__isnull": True}) if order.column else queryset
        found.append(_between(missing, (order.tie,), low if low and low.value is None else None, high))
    return found


def _between(queryset: QuerySet[M], columns: tuple[str, ...], low: KeysetPosition | None, high: KeysetPosition | None) -> QuerySet[M]:
    if low:
        queryset = queryset.filter(Beyond(columns, low, above=True))
    if high:
        queryset = queryset.filter(Beyond(columns, high, above=False))
    return queryset


def write_cursor(order: Order, row: Model) -> str:
    """The opaque text that stands for the position of a row."""
    value = None if order.column is None else _stored(row, order.column)
    return base64.urlsafe_b64encode(orjson.dumps([_mark(order), value, _stored(row, order.tie)])).decode().rstrip("=")


def read_cursor(queryset: QuerySet[M], order: Order, name: str, cursor: str | None) -> KeysetPosition | None:
    """The position that a cursor stands for. Raises `BadInput`, naming the argument, if the cursor is not one of this list."""
    if cursor is None:
        return None
    match _decoded(cursor):
        case [str(mark), value, int(tie)] if mark == _mark(order) and _fits(_field(queryset, order.tie), tie):
            if value is None or (order.column is not None and _fits(_field(queryset, order.column), value)):
                return KeysetPosition(value, tie)
    raise BadInput(f"`{name}` is not a cursor of this list. Use cursors as they were returned, and keep to the same order.")


def _decoded(cursor: str) -> Any:
    try:
        return orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        return None


def _mark(order: Order) -> str:
    return f"{order.name} {'DESC' if order.descending else 'ASC'}"


def _field(queryset: QuerySet[M], column: str) -> Field[Any]:
    return fields_of(queryset.model)[column]


def _stored(row: Model, column: str) -> str | int | None:
    value: str | int | None = stored(type(row), column, getattr(row, column))
    return value


def _fits(field: Field[Any], value: object) -> bool:
    """Whether an engine can compare the value with the column."""
    if isinstance(field, FoldedColumn):
        return isinstance(value, str) and storable(value)
    bits = 31 if field.SQL_TYPE == "INT" else 63
    return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits
