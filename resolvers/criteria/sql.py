"""SQL as the ORM's query builder takes it: text of our own in which every value is a parameter, rendered for the engine at hand."""

from collections.abc import Sequence

import orjson
from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Dialects
from pypika_tortoise.terms import Criterion, Term, ValueWrapper
from typing_extensions import override

Value = str | int | bool


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
        given = _json(ctx, self.patterns)
        return rf"EXISTS (SELECT 1 FROM json_each({given}) AS given WHERE {self.column} LIKE given.value ESCAPE '\')"  # noqa: S608  # as above


class Given(Term):
    """A table of ranges, `given`, with the columns low and high; each column travels as one parameter."""

    def __init__(self, ranges: Sequence[tuple[Value, Value]]) -> None:
        super().__init__()
        self.ranges = ranges

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            lows, highs = zip(*self.ranges, strict=True)
            return f"unnest({_array(ctx, lows)}, {_array(ctx, highs)}) AS given(low, high)"
        cells = "json_extract(value, '$[0]') AS low, json_extract(value, '$[1]') AS high"
        return f"(SELECT {cells} FROM json_each({_json(ctx, self.ranges)})) AS given"  # noqa: S608  # as above


class ForEachGiven(Term):
    """A SELECT of a key from some rows that refer to `given`, in a form that makes each engine look them up range by range.

    Left to itself PostgreSQL takes every range for a ninth of the table, and compares each row with each range.
    """

    def __init__(self, given: Given, key: str, rows: Term) -> None:
        super().__init__()
        self.given = given
        self.key = key
        self.rows = rows

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        given, rows = self.given.get_sql(ctx), self.rows.get_sql(ctx)
        if _is_postgresql(ctx):
            found = f"SELECT {self.key} AS key FROM {rows} OFFSET 0"  # noqa: S608  # as above
            return f"SELECT found.key FROM {given} CROSS JOIN LATERAL ({found}) AS found"  # noqa: S608  # as above
        return f"SELECT {self.key} FROM {given} CROSS JOIN {rows}"  # noqa: S608  # as above


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


def _json(ctx: SqlContext, values: Sequence[object]) -> str:
    return _placeholder(ctx, orjson.dumps(values).decode())


def _placeholder(ctx: SqlContext, value: object) -> str:
    if ctx.parameterizer is None:  # the builder compares and hashes terms by their text
        return ValueWrapper.get_formatted_value(value, ctx)
    return ctx.parameterizer.create_param(value).get_sql(ctx)
