"""SQL as the ORM's query builder takes it: text of our own in which every value is a parameter, rendered for the engine at hand."""

from collections.abc import Sequence

import orjson
from pypika_tortoise.context import SqlContext
from pypika_tortoise.enums import Dialects
from pypika_tortoise.terms import Criterion, Term, ValueWrapper
from typing_extensions import override

Value = str | int | bool

GIVEN = "given"


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


class Given(Term):
    """A table of values, which travel as one parameter a column: `given`, with the columns named here."""

    def __init__(self, names: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        super().__init__()
        self.names = names
        self.rows = rows

    @override
    def get_sql(self, ctx: SqlContext) -> str:
        if _is_postgresql(ctx):
            arrays = ", ".join([_array(ctx, column) for column in zip(*self.rows, strict=True)])
            return f"unnest({arrays}) AS {GIVEN}({', '.join(self.names)})"
        return f"(SELECT {self._cells()} FROM json_each({_json(ctx, self._entries())})) AS {GIVEN}"  # noqa: S608  # names of our own

    def _cells(self) -> str:
        if len(self.names) == 1:
            return f"value AS {self.names[0]}"  # the engine would extract it anew for each row that it is compared to
        return ", ".join([f"json_extract(value, '$[{index}]') AS {name}" for index, name in enumerate(self.names)])

    def _entries(self) -> Sequence[object]:
        return [row[0] for row in self.rows] if len(self.names) == 1 else self.rows


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
