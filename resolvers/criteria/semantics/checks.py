"""The checks that conditions make of one stored value, each both as SQL and as a function.

A missing value fails every check. In SQL the check is then NULL or false, and in memory it is not called.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple

from typing_extensions import override

from models.orm.sql import Among, Given, GivenInTurns, LikeAny, Parameter, Sql, Value, joined
from resolvers.criteria.semantics.ranges import HIGHEST, LOWEST, Bound, Ranges, Turn, edges

FEW = 8  # alternatives that are written out one by one

InMemory = Callable[[Any], bool]


class InSql(NamedTuple):
    """A check of a column in SQL, and the table of ranges that it refers to, if there is one."""

    where: Sql
    given: Given | None = None


class Check:
    """A check of a value that is not missing."""

    __slots__ = ()

    def in_sql(self, column: str) -> InSql:
        """The check of a column in SQL, which uses the index of the column where that is possible."""
        raise NotImplementedError

    def in_memory(self) -> InMemory:
        """The check as a function of a value."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Present(Check):
    """There is a value at all."""

    @override
    def in_sql(self, column: str) -> InSql:
        return InSql(Sql(column, " IS NOT NULL"))

    @override
    def in_memory(self) -> InMemory:
        return lambda _: True


@dataclass(frozen=True, slots=True)
class OneOf(Check):
    """The value is one of these."""

    values: frozenset[Value]

    @override
    def in_sql(self, column: str) -> InSql:
        if len(self.values) == 1:
            return InSql(Sql(column, " = ", Parameter(*self.values)))
        return InSql(Sql(column, Among(sorted(self.values, key=str))))

    @override
    def in_memory(self) -> InMemory:
        return self.values.__contains__


@dataclass(frozen=True, slots=True)
class Within(Check, Generic[Bound]):
    """The value lies in one of these ranges, which are normalised."""

    ranges: tuple[tuple[Bound, Bound], ...]

    @override
    def in_sql(self, column: str) -> InSql:
        if len(self.ranges) > FEW:
            return InSql(_in_given(column), Given(self.ranges))
        return InSql(joined(" OR ", [_between(column, low=low, high=high) for low, high in self.ranges]) if self.ranges else Sql("FALSE"))

    @override
    def in_memory(self) -> InMemory:
        bounds: list[Any] = [*edges(self.ranges)]
        return lambda value: bisect_right(bounds, value) % 2 == 1


@dataclass(frozen=True, slots=True)
class Recurring(Check):
    """The value lies in one of these ranges, which are normalised, as they recur in each of the turns."""

    ranges: Ranges
    turns: tuple[Turn, ...]

    @override
    def in_sql(self, column: str) -> InSql:
        return InSql(_in_given(column), GivenInTurns(self.ranges, self.turns))

    @override
    def in_memory(self) -> InMemory:
        bounds, starts, turns = edges(self.ranges), [turn.low for turn in self.turns], self.turns

        def holds(value: int) -> bool:
            turn = turns[bisect_right(starts, value) - 1]
            return turn.low <= value < turn.high and bisect_right(bounds, value - turn.shift) % 2 == 1

        return holds


@dataclass(frozen=True, slots=True)
class Containing(Check):
    """One of these stands somewhere in the text."""

    parts: tuple[str, ...]

    @override
    def in_sql(self, column: str) -> InSql:
        return _like(column, [f"%{_escaped(part)}%" for part in self.parts])

    @override
    def in_memory(self) -> InMemory:
        parts = self.parts
        return lambda value: any(part in value for part in parts)


@dataclass(frozen=True, slots=True)
class Ending(Check):
    """The text ends with one of these."""

    parts: tuple[str, ...]

    @override
    def in_sql(self, column: str) -> InSql:
        return _like(column, [f"%{_escaped(part)}" for part in self.parts])

    @override
    def in_memory(self) -> InMemory:
        parts = self.parts
        return lambda value: value.endswith(parts)


def _in_given(column: str) -> Sql:
    return Sql(f"{column} >= given.low AND {column} < given.high")


def _between(column: str, *, low: Value, high: Value) -> Sql:
    bounds = [
        *([Sql(f"{column} >= ", Parameter(low))] if low != LOWEST else []),
        *([Sql(f"{column} < ", Parameter(high))] if high != HIGHEST else []),
    ]
    return joined(" AND ", bounds) if bounds else Sql(f"{column} IS NOT NULL")


def _like(column: str, patterns: Sequence[str]) -> InSql:
    if len(patterns) > FEW:
        return InSql(Sql(LikeAny(column, patterns)))
    return InSql(joined(" OR ", [Sql(f"{column} LIKE ", Parameter(pattern), r" ESCAPE '\'") for pattern in patterns]))


def _escaped(part: str) -> str:
    return part.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
