"""Adding many wide rows to a table, on each engine in the way that costs it least."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from models.engine.database import Database
from models.engine.sqlite_client import run_in_turn

MOST_AT_ONCE = 256  # rows in one statement on SQLite, which allows 32,766 values

INSERT = """
    INSERT INTO {table} ({names}) SELECT {names} FROM ROWS(:rows AS given(ordinal int, {columns})) ORDER BY ordinal RETURNING id
"""
LAST = """
    SELECT max(coalesce((SELECT max(id) FROM {table}), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = '{table}'), 0)) AS id
"""
INSERT_VALUES = "INSERT INTO {table} (id, {names}) VALUES {places}"

Values = Sequence[Any]


async def insert_rows(database: Database, table: str, columns: Mapping[str, str], rows: Sequence[Values]) -> list[int]:
    """Add rows with values of these columns, given with their types, and return their ids in the same order."""
    insert = _insert_on_sqlite if database.engine == "sqlite" else _insert_on_postgresql
    return await insert(database, table, columns, rows)


async def _insert_on_postgresql(database: Database, table: str, columns: Mapping[str, str], rows: Sequence[Values]) -> list[int]:
    given = [dict(zip(columns, row, strict=True), ordinal=ordinal) for ordinal, row in enumerate(rows)]
    types = ", ".join(f"{name} {type_}" for name, type_ in columns.items())
    found = await database.rows(INSERT.format(table=table, names=", ".join(columns), columns=types), rows=given)
    # Ids are given out in the order in which rows are inserted; the order in which they are returned is not promised.
    return sorted(row["id"] for row in found)


async def _insert_on_sqlite(database: Database, table: str, columns: Mapping[str, str], rows: Sequence[Values]) -> list[int]:
    """Insert rows with ids that are assigned here, under the write lock. To have SQLite return them would take a tenth longer."""
    last = (await database.row(LAST.format(table=table)))["id"]
    ids = range(last + 1, last + 1 + len(rows))
    numbered = [(number, *row) for number, row in zip(ids, rows, strict=True)]
    await run_in_turn(database.connection, [_statement(table, columns, part) for part in _parts(numbered)])
    return list(ids)


def _statement(table: str, columns: Mapping[str, str], rows: Sequence[Values]) -> tuple[str, list[Any]]:
    # Value by value: to take wide rows out of JSON takes SQLite half as long as to store them.
    places = ", ".join([f"(?, {', '.join('?' * len(columns))})"] * len(rows))
    text = INSERT_VALUES.format(table=table, names=", ".join(columns), places=places)
    return text, list(chain.from_iterable(rows))


def _parts(rows: Sequence[Values]) -> Iterator[Sequence[Values]]:
    """The rows in parts of few different lengths, so that the engine knows most of the statements already."""
    start = 0
    while left := len(rows) - start:
        length = min(MOST_AT_ONCE, 1 << left.bit_length() - 1)
        yield rows[start : start + length]
        start += length
