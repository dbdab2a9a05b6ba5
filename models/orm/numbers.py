"""Many ids as one value, on their way to the database and back. To unpack a row for each takes longer than to find them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from models.engine.database import Database, Row
from models.engine.statement import Engine
from models.orm.filters import Filter
from models.orm.sql import Among, Sql
from models.orm.tortoise_adapter import statement_of

LARGEST_LIST = 1_000  # ids in one list

COLLECT = "SELECT {ids} AS ids FROM ({text}) AS found"
COLLECT_BY_KEY = "SELECT {key} AS key, {ids} AS ids FROM ({text}) AS found GROUP BY {key}"
COLLECTED: Mapping[Engine, str] = {"sqlite": "json_group_array({})", "postgresql": "array_agg({})"}
ELEMENTS: Mapping[Engine, str] = {
    "sqlite": "json_each(list.ids) AS element",
    "postgresql": "json_array_elements_text(list.ids::json) AS element(value)",
}


def collected(engine: Engine, value: str) -> str:
    """The aggregate that collects this expression, for `numbers_in`."""
    return COLLECTED[engine].format(value)


def numbers_in(value: Any) -> list[int]:
    """The ids in what `collected` returned."""
    found: list[int] = orjson.loads(value) if isinstance(value, str) else value or []
    return found


def by_key(rows: Iterable[Row]) -> dict[int, list[int]]:
    """The ids in the column `ids`, which `collected` made, by the column `key`."""
    return {row["key"]: numbers_in(row["ids"]) for row in rows}


def lists_of(ids: Sequence[int]) -> Iterator[str]:
    """Ids as JSON lists, for the column `ids` of a table `list`. `ELEMENTS` takes each list apart in SQL."""
    for start in range(0, len(ids), LARGEST_LIST):
        yield orjson.dumps(ids[start : start + LARGEST_LIST]).decode()


async def numbers(database: Database, text: str, **values: Any) -> list[int]:
    """The column `id` of the rows that a statement selects or locks."""
    row = await database.row(COLLECT.format(ids=collected(database.engine, "id"), text=text), **values)
    return numbers_in(row["ids"])


async def numbers_of(database: Database, records: QuerySet[Any], column: str) -> list[int]:
    """One column of the records in a query set."""
    text, values = statement_of(records.values(column))
    collecting = COLLECT.format(ids=collected(database.engine, f'"{column}"'), text=text)
    (row,) = await database.connection.execute_query_dict(collecting, values)
    return numbers_in(row["ids"])


def among(column: str, values: Sequence[int]) -> Q:
    """The records whose column has one of these values. They are one parameter, however many."""
    return Filter(lambda table: Sql(f'"{table}"."{column}"', Among(values)))


async def numbers_by(database: Database, key: str, text: str, **values: Any) -> dict[int, list[int]]:
    """The column `id` of the rows that a statement selects, by another of its columns."""
    ids = collected(database.engine, "id")
    rows: list[Row] = await database.rows(COLLECT_BY_KEY.format(key=key, ids=ids, text=text), **values)
    return by_key(rows)
