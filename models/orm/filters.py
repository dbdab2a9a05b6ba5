"""Raw SQL conditions for the `filter` of a query set."""

from collections.abc import Callable

from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier
from typing_extensions import override

from models.orm.sql import Sql


class Filter(Q):
    """The records for which a condition is true. It is called with the name that their table has in the query.

    `~` gives the exact complement: the records for which the condition is false, and those for which it is NULL.
    """

    __slots__ = ("_complement", "_condition")

    def __init__(self, condition: Callable[[str], Sql], *, complement: bool = False) -> None:
        super().__init__()
        self._condition = condition
        self._complement = complement

    @override
    def __bool__(self) -> bool:
        return True  # or the ORM would drop it as empty

    @override
    def __invert__(self) -> "Filter":
        return Filter(self._condition, complement=not self._complement)

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        condition = self._condition(resolve_context.table.get_table_name())
        return QueryModifier(condition.negate() if self._complement else condition)
