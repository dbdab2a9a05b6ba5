"""Conditions of our own among the ORM's, for the `filter` of a query set."""

from collections.abc import Callable

from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier
from typing_extensions import override

from models.orm.sql import Sql


class Filter(Q):
    """The records for which a condition holds, which is told the name that their table has in the query.

    `~` on it is the exact complement: those for which the condition is false, and those for which it is neither true nor false.
    """

    __slots__ = ("_condition",)

    def __init__(self, condition: Callable[[str], Sql]) -> None:
        super().__init__()
        self._condition = condition

    @override
    def __bool__(self) -> bool:
        return True  # or the ORM would drop it as empty

    @override
    def __invert__(self) -> "Filter":
        inverse = Filter(self._condition)
        inverse._is_negated = not self._is_negated
        return inverse

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        condition = self._condition(resolve_context.table.get_table_name())
        return QueryModifier(condition.negate() if self._is_negated else condition)
