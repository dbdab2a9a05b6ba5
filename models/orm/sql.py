"""Raw SQL as terms of the ORM's query builder: each value in it is a parameter, and it is rendered for the engine in use."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Dialects
from pypika_tortoise.terms import Criterion, Parameterizer, Term, ValueWrapper
from typing_extensions import override

from models.engine.database import Database

Value = str | int | bool

STRETCHES = (("turn.low", "turn.high"), ("given.low + turn.shift", "given.high + turn.shift"))


class Sql(Criterion):
    """Texts and terms, rendered one after the other."""

    def __init__(self, *parts: str | Term) -> None:
        super().__init__()
        self.parts = parts

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        return "".join([part if isinstance(part, str) else part.get_sql(ctx) for part in self.parts])

    @override
    def negate(self) -> "Sql":  # type: ignore[override]  # the builder's own NOT would leave out rows for which the condition is NULL
        return Sql("(", self, ") IS NOT TRUE")


class Parameter(Term):
    """One value."""

    def __init__(self, value: Value) -> None:
        super().__init__()
        self.value = value

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        placeholder = _placeholder(ctx, self.value)
        # Without the cast PostgreSQL takes the column's type, and refuses what is too large for it.
        return f"{placeholder}::{_type(self.value)}" if _is_postgresql(ctx) else placeholder


class Among(Term):
    """`IN`, or the engine's like of it, over any number of values in one parameter."""

    def __init__(self, values: Sequence[Value]) -> None:
        super().__init__()
        self.values = values

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            return f" = ANY({_array(ctx, self.values)})"
        return f" IN (SELECT value FROM json_each({_json(ctx, self.values)}))"  # noqa: S608  # a placeholder


class LikeAny(Term):
    """Whether a column is like any of these patterns, which are one parameter."""

    def __init__(self, column: str, patterns: Sequence[str]) -> None:
        super().__init__()
        self.column = column
        self.patterns = patterns

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            return f"{self.column} LIKE ANY({_array(ctx, self.patterns)})"
        # Without MATERIALIZED, SQLite would parse the patterns for each record.
        given = f"WITH given AS MATERIALIZED (SELECT value FROM json_each({_json(ctx, self.patterns)}))"  # noqa: S608  # as above
        return rf"EXISTS ({given} SELECT 1 FROM given WHERE {self.column} LIKE given.value ESCAPE '\')"  # noqa: S608  # as above


class Given(Term):
    """A table of ranges, `given`, with the columns low and high. Each column is one parameter."""

    def __init__(self, ranges: Sequence[tuple[Value, Value]]) -> None:
        super().__init__()
        self.ranges = ranges

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        return _table(ctx, "given", ("low", "high"), self.ranges)


class GivenInTurns(Given):
    """A table `given` of ranges that recur, shifted by a number of units in each turn.

    `extent` is a row with the least and the greatest value that records have. Only ranges that overlap it are in the table:
    without it, there would be one for each year of the calendar.
    """

    def __init__(self, ranges: Sequence[tuple[int, int]], turns: Sequence[tuple[int, int, int]]) -> None:
        super().__init__(ranges)
        self.turns = [tuple(turn) for turn in turns]

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        later, earlier = ("GREATEST", "LEAST") if _is_postgresql(ctx) else ("max", "min")
        ends = f"{later}(given.low + turn.shift, turn.low) AS low, {earlier}(given.high + turn.shift, turn.high) AS high"
        tables = f"{_table(ctx, 'turn', ('shift', 'low', 'high'), self.turns)} CROSS JOIN {super().get_sql(ctx)}"
        met = " AND ".join(f"{high} > extent.least AND {low} <= extent.greatest" for low, high in STRETCHES)
        return f"(SELECT {ends} FROM extent CROSS JOIN {tables} WHERE {met}) AS given"  # noqa: S608  # as above


class ForEachGiven(Term):
    """A SELECT of a key, as `holder`, from the rows in the ranges of `given`, which each engine looks up range by range.

    By default PostgreSQL estimates a ninth of the table for each range, and compares each row with each range.
    """

    def __init__(self, given: Given, key: str, rows: Term, extent: Term) -> None:
        super().__init__()
        self.given = given
        self.key = key
        self.rows = rows
        self.extent = extent

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        known = f"WITH extent AS ({self.extent.get_sql(ctx)}) " if isinstance(self.given, GivenInTurns) else ""
        given, rows = self.given.get_sql(ctx), self.rows.get_sql(ctx)
        if _is_postgresql(ctx):
            found = f"SELECT {self.key} AS holder FROM {rows} OFFSET 0"  # noqa: S608  # as above
            return f"{known}SELECT found.holder FROM {given} CROSS JOIN LATERAL ({found}) AS found"  # noqa: S608  # as above
        return f"{known}SELECT {self.key} AS holder FROM {given} CROSS JOIN {rows}"  # noqa: S608  # as above


class Holders(NamedTuple):
    """The ids that a relation selects, as `holder`, and how often each must be selected at least.

    `listed` selects all of them. SQLite uses `sought`, if given, to look for one record at a time. PostgreSQL plans a query that is `apart`
    by itself, and evaluates it for one record at a time.
    """

    listed: Term
    sought: Term | None = None
    least: int = 1
    apart: bool = False


class IsHolder(Term):
    """Whether a record is, or is not, among the holders.

    PostgreSQL plans EXISTS as a join, in the cheaper direction. NOT IN would be a list that it searches from end to end for each
    record once the list is too large for its memory. SQLite starts from the list of an IN, and for EXISTS looks each record up.
    """

    def __init__(self, record: str, holders: Holders, *, negated: bool) -> None:
        super().__init__()
        self.record = record
        self.holders = holders
        self.inverse = "NOT " if negated else ""

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            return self._exists(self._list(ctx), " OFFSET 0" if self.holders.apart else "")
        if self.holders.sought:
            return self._exists(self.holders.sought.get_sql(ctx), self._often(ctx, " LIMIT 1 OFFSET {} - 1"))
        return f"{self.record} {self.inverse}IN ({self._list(ctx)})"

    def _list(self, ctx: SqlContext) -> str:
        listed, often = self.holders.listed.get_sql(ctx), self._often(ctx, " GROUP BY holder HAVING COUNT(*) >= {}")
        return listed + often  # another SELECT around it would exceed the depth of SQLite's parser in nested relations

    def _exists(self, holders: str, often: str = "") -> str:
        return f"{self.inverse}EXISTS (SELECT 1 FROM ({holders}) AS held WHERE held.holder = {self.record}{often})"  # noqa: S608  # as above

    def _often(self, ctx: SqlContext, clause: str) -> str:
        return clause.format(Parameter(self.holders.least).get_sql(ctx)) if self.holders.least > 1 else ""


async def only_row(database: Database, statement: Sql) -> dict[str, Any]:
    """Run a statement and return its only row."""
    connection, parameterizer = database.connection, Parameterizer()
    context: SqlContext = connection.query_class.SQL_CONTEXT.copy(parameterizer=parameterizer)
    (row,) = await connection.execute_query_dict(statement.get_sql(context), parameterizer.values)
    return row


def joined(separator: str, conditions: Sequence[Sql]) -> Sql:
    """Conditions joined by AND or OR, in parentheses where there are several."""
    if len(conditions) == 1:
        return conditions[0]
    parts: list[str | Term] = ["("]
    for index, condition in enumerate(conditions):
        parts += (separator, condition) if index else (condition,)
    return Sql(*parts, ")")


def _is_postgresql(ctx: SqlContext) -> bool:
    return ctx.dialect is Dialects.POSTGRESQL


def _type(value: Value) -> str:
    if isinstance(value, bool):
        return "boolean"
    return "bigint" if isinstance(value, int) else "text"


def _array(ctx: SqlContext, values: Sequence[Value]) -> str:
    return f"{_placeholder(ctx, list(values))}::{_type(values[0])}[]"


def _table(ctx: SqlContext, name: str, columns: Sequence[str], rows: Sequence[Sequence[Value]]) -> str:
    """Rows as a table to select from."""
    if _is_postgresql(ctx):
        arrays = ", ".join(_array(ctx, column) for column in zip(*rows, strict=True))
        return f"unnest({arrays}) AS {name}({', '.join(columns)})"
    cells = ", ".join(f"json_extract(value, '$[{index}]') AS {column}" for index, column in enumerate(columns))
    return f"(SELECT {cells} FROM json_each({_json(ctx, rows)})) AS {name}"  # noqa: S608  # as above


def _json(ctx: SqlContext, values: Sequence[object]) -> str:
    return _placeholder(ctx, orjson.dumps(values).decode())


def _placeholder(ctx: SqlContext, value: object) -> str:
    if ctx.parameterizer is None:  # the builder compares and hashes terms by their text
        return ValueWrapper.get_formatted_value(value, ctx)
    return ctx.parameterizer.create_param(value).get_sql(ctx)
