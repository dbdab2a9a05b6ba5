"""Many ids as one value, on their way to the database and back: a row for each takes longer to unpack than to find."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from tortoise.expressions import Q
from tortoise.queryset import QuerySet, ValuesQuery

from models.engine.database import Database, Row
from models.engine.statement import Engine
from models.orm.filters import Filter
from models.orm.sql import Among, Sql

LARGEST_LIST = 1_000  # ids in a list of many
COLLECTED: Mapping[Engine, str] = {"sqlite": "json_group_array({})", "postgresql": "array_agg({})"}
ELEMENTS: Mapping[Engine, str] = {
    "sqlite": "json_each(list.ids) AS element",
    "postgresql": "json_array_elements_text(list.ids::json) AS element(value)",
}


def collected(engine: Engine, value: str) -> str:
    """The aggregate that collects this expression, for `numbers_in`."""
    return COLLECTED[engine].format(value)


def numbers_in(value: Any) -> list[int]:
    """What `collected` has collected."""
    found: list[int] = orjson.loads(value) if isinstance(value, str) else value or []
    return found


def by_key(rows: Iterable[Row]) -> dict[int, list[int]]:
    """The ids of rows that hold what was `collected` as `ids`, by their `key`."""
    return {row["key"]: numbers_in(row["ids"]) for row in rows}


def lists_of(ids: Sequence[int]) -> Iterator[str]:
    """Ids as lists for a table `list` with a column `ids`, which `ELEMENTS` takes apart again."""
    for start in range(0, len(ids), LARGEST_LIST):
        yield orjson.dumps(ids[start : start + LARGEST_LIST]).decode()


async def numbers(database: Database, text: str, **values: Any) -> list[int]:
    """The column `id` of a statement that selects, or locks, rows."""
    row = await database.row(f"SELECT {collected(database.engine, 'id')} AS ids FROM ({text}) AS found", **values)  # noqa: S608  # ours
    return numbers_in(row["ids"])


async def numbers_of(database: Database, records: QuerySet[Any], column: str) -> list[int]:
    """One column of the records of a query set."""
    text, values = statement_of(records.values(column))
    ids = collected(database.engine, f'"{column}"')
    (row,) = await database.connection.execute_query_dict(f"SELECT {ids} AS ids FROM ({text}) AS found", values)  # noqa: S608  # ours
    return numbers_in(row["ids"])


def statement_of(found: ValuesQuery[Any]) -> tuple[str, list[Any]]:
    """The statement that the ORM would run, and its parameters."""
    found._choose_db_if_not_chosen()
    found._make_query()
    return found.query.get_parameterized_sql()


def among(column: str, values: Sequence[int]) -> Q:
    """The records in whose column is one of any number of values, which travel as one parameter."""
    return Filter(lambda table: Sql(f'"{table}"."{column}"', Among(values)))


async def numbers_by(database: Database, key: str, text: str, **values: Any) -> dict[int, list[int]]:
    """The column `id` of a statement that selects rows, by another column of it."""
    ids = collected(database.engine, "id")
    rows: list[Row] = await database.rows(f"SELECT {key} AS key, {ids} AS ids FROM ({text}) AS found GROUP BY {key}", **values)  # noqa: S608  # ours
    return by_key(rows)
