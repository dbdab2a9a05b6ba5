"""Leadership: one process of a deployment moves the clock and prunes the log.

It saves work, and nothing else depends on it: two leaders would do the same work twice.
"""

import asyncio
from typing import Any

import asyncpg
from asyncpg.exceptions import PostgresError

from models.engine.asyncpg_connection import CONNECT_SECONDS, enable_keepalive
from models.engine.configuration import is_sqlite
from models.engine.database import ANSWER_SECONDS

LEADER_LOCK = 7_267_003
TRY_LOCK = "SELECT pg_try_advisory_lock($1)"


class Leadership:
    """Whether this process leads, by a lock that a PostgreSQL connection of its own holds. A server on SQLite always leads."""

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url = url
        self._answer_seconds = answer_seconds
        self._connection: Any = None
        self._held = is_sqlite(url)
        self._asking = asyncio.Lock()

    async def held(self) -> bool:
        """Whether this process leads. It tries to if no other does."""
        if is_sqlite(self._url):
            return True
        async with self._asking:  # two tasks that connect at once would drop the connection that holds the lock
            try:
                await self._try()
            except (OSError, PostgresError):
                self._held = False
            return self._held

    async def _try(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._held = False
            self._connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]  # no types
            await enable_keepalive(self._connection)
        self._held = self._held or await self._ask()

    async def _ask(self) -> bool:
        # A connection that does not answer in time is ended by the driver at the next try.
        return bool(await self._connection.fetchval(TRY_LOCK, LEADER_LOCK, timeout=self._answer_seconds))

    async def resign(self) -> None:
        """Let another process lead."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection, self._held = None, False
