"""SQL as the ORM's query builder takes it: text of our own in which every value is a parameter, rendered for the engine at hand."""

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
    """Text and terms, one after the other."""

    def __init__(self, *parts: str | Term) -> None:
        super().__init__()
        self.parts = parts

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        return "".join([part if isinstance(part, str) else part.get_sql(ctx) for part in self.parts])

    @override
    def negate(self) -> "Sql":  # type: ignore[override]  # the builder's own NOT would lose missing values
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
    """`IN` or its like over any number of values, which travel as one parameter."""

    def __init__(self, values: Sequence[Value]) -> None:
        super().__init__()
        self.values = values

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            return f" = ANY({_array(ctx, self.values)})"
        return f" IN (SELECT value FROM json_each({_json(ctx, self.values)}))"  # noqa: S608  # a placeholder


class LikeAny(Term):
    """That a column is like any of these patterns, which travel as one parameter."""

    def __init__(self, column: str, patterns: Sequence[str]) -> None:
        super().__init__()
        self.column = column
        self.patterns = patterns

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            return f"{self.column} LIKE ANY({_array(ctx, self.patterns)})"
        # Without MATERIALIZED the patterns would be parsed for each record.
        given = f"WITH given AS MATERIALIZED (SELECT value FROM json_each({_json(ctx, self.patterns)}))"  # noqa: S608  # as above
        return rf"EXISTS ({given} SELECT 1 FROM given WHERE {self.column} LIKE given.value ESCAPE '\')"  # noqa: S608  # as above


class Given(Term):
    """A table of ranges, `given`, with the columns low and high; each column travels as one parameter."""

    def __init__(self, ranges: Sequence[tuple[Value, Value]]) -> None:
        super().__init__()
        self.ranges = ranges

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        return _table(ctx, "given", ("low", "high"), self.ranges)


class GivenInTurns(Given):
    """Ranges that recur, so many units later in each turn, as the same table; only those that meet what is `extent`.

    `extent` is a row with the least and the greatest value there is: without it, all the years of the calendar would be tried.
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
    """A SELECT of a key, as `holder`, from some rows that refer to `given`, which makes each engine look them up range by range.

    Left to itself PostgreSQL takes every range for a ninth of the table, and compares each row with each range.
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
    """A SELECT of every `holder`; the same to be asked about one at a time, where SQLite should; and how often one must be there.

    PostgreSQL plans what is to stay `apart` by itself, and asks about one record at a time.
    """

    listed: Term
    sought: Term | None = None
    least: int = 1
    apart: bool = False


class IsHolder(Term):
    """That a record is, or is not, a holder.

    PostgreSQL plans EXISTS as a join, in whichever direction is short; NOT IN would be a list that it searches from end to end
    for every record once it is too large for its memory. SQLite does as it is told: a list to start from finds the holders.
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
        return listed + often  # a SELECT around it would, in nested relations, be too much for SQLite's parser

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
