"""One process of a deployment leads: it moves the clock and prunes the log.

Leading is an economy, not a condition of being right: two leaders would do the same work twice.
"""

import asyncio
from typing import Any

import asyncpg
from asyncpg.exceptions import PostgresError

from models.engine.asyncpg_client import CONNECT_SECONDS, watch_over
from models.engine.database import ANSWER_SECONDS, connection_arguments

LEADER_LOCK = 7_267_003


class Leadership:
    """Held through a lock on a PostgreSQL connection of its own; on SQLite, with its single server, always."""

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._url = url
        self._answer_seconds = answer_seconds
        self._connection: Any = None
        self._held = url.startswith("sqlite:")
        self._asking = asyncio.Lock()

    async def held(self) -> bool:
        """Whether this process leads; tries to, if nobody does."""
        if self._url.startswith("sqlite:"):
            return True
        async with self._asking:  # two who connect at once would drop the connection that holds the lock
            try:
                await self._try()
            except (OSError, PostgresError):
                self._held = False
            return self._held

    async def _try(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._held = False
            arguments = connection_arguments(self._url)
            self._connection = await asyncpg.connect(**arguments, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]  # no types
            await watch_over(self._connection)
        self._held = self._held or await self._ask()

    async def _ask(self) -> bool:
        # The driver ends a connection that does not answer the next question either.
        return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1)", LEADER_LOCK, timeout=self._answer_seconds))

    async def resign(self) -> None:
        """Let another process lead."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection, self._held = None, False
