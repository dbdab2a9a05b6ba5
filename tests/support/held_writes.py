"""Holding a write on PostgreSQL between its evaluation and its commit, so that a race has one outcome.

A write evaluates groups, then appends to the log. A lock on the log's table keeps the write from ending after it has
read the time, the definitions and the records that it goes by.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

DEADLINE = 30.0

LOCK_LOG = "LOCK TABLE group_events IN SHARE MODE"
WAITING = """
    SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted
    AND pid IN (SELECT pid FROM pg_locks JOIN pg_database ON oid = database WHERE datname = current_database())
"""


async def overtake(url: str, first: Coroutine[Any, Any, object], second: Coroutine[Any, Any, object]) -> None:
    """Let `second` go as far as it can while `first` has decided and cannot commit. Then let both end."""
    async with asyncio.timeout(DEADLINE), connected(url) as connection:
        async with connection.transaction():
            await connection.execute(LOCK_LOG)
            deciding = asyncio.create_task(first)
            await until_waiting(connection, 1, deciding)
            assert not deciding.done(), "the first write had nothing to log"
            following = asyncio.create_task(second)
            await until_waiting(connection, 2, following)
        await asyncio.gather(deciding, following)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Any]:
    """A connection outside the pool."""
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    try:
        yield connection
    finally:
        await connection.close()


async def until_waiting(connection: Any, count: int, task: "asyncio.Task[Any]") -> None:
    """Return once so many sessions of this database wait for a lock, or the task is done."""
    while not task.done() and await connection.fetchval(WAITING) < count:
        pass
