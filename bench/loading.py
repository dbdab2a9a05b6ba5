"""Filling a database fast: rows go straight into the tables, while there is neither a secondary index nor a check."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing

import asyncpg

from bench.dataset import Batch
from models.engine.configuration import sqlite_path

SQLITE_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
POSTGRESQL_INDEXES = """
    SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS sql FROM pg_index
    JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'public' AND NOT indisunique
"""
NEXT_ID = "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))"


async def load(url: str, batches: Iterable[Batch]) -> None:
    """Store the batches, make the indexes anew and gather what the planner wants to know."""
    if url.startswith("sqlite:"):
        _load_sqlite(url, batches)
    else:
        await _load_postgresql(url, batches)


def _load_sqlite(url: str, batches: Iterable[Batch]) -> None:
    with closing(sqlite3.connect(sqlite_path(url), isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = -400000")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        indexes = connection.execute(SQLITE_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f'DROP INDEX "{name}"')
        for table, columns, rows in batches:
            places = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows)  # names of our own
        for _, sql in indexes:
            connection.execute(sql)
        connection.execute("COMMIT")
        connection.execute("ANALYZE")


async def _load_postgresql(url: str, batches: Iterable[Batch]) -> None:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    try:
        await connection.execute("SET session_replication_role = replica")  # no checks of foreign keys
        await connection.execute("SET maintenance_work_mem = '256MB'")
        indexes = await connection.fetch(POSTGRESQL_INDEXES)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        tables = set()
        for table, columns, rows in batches:
            await connection.copy_records_to_table(table, records=rows, columns=columns)
            tables.add(table)
        for index in indexes:
            await connection.execute(index["sql"])
        for table in tables:
            await connection.execute(NEXT_ID.format(table=table))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()
