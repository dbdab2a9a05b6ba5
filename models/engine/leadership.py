"""Leadership: one process of a deployment moves the clock and prunes the log.

It saves work, and nothing else depends on it: two leaders would do the same work twice. So a leader that is silent for some seconds,
because its process is frozen or its machine is gone, is replaced without asking it.
"""

import asyncio
from typing import Any

import asyncpg
from asyncpg.exceptions import PostgresError

from models.engine.asyncpg_connection import CONNECT_SECONDS, enable_keepalive
from models.engine.configuration import is_sqlite
from models.engine.database import ANSWER_SECONDS, UNREACHABLE

LEADER_LOCK = 7_267_003
SILENT_SECONDS = 10.0  # after which a leader is replaced: far above BEAT_SECONDS, far below the lag at which servers are not ready
BEAT_SECONDS = 1.0
TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
BEAT = "SELECT 1"
# The connection of a leader does nothing but ask for the lock and beat.
REPLACE_SILENT = """
    SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = $1 AND pid <> pg_backend_pid()
    AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND state_change < clock_timestamp() - make_interval(secs => $2)
"""


class Leadership:
    """Whether this process leads, by a lock that a PostgreSQL connection of its own holds. A server on SQLite always leads."""

    def __init__(self, url: str, *, answer_seconds: float = ANSWER_SECONDS, silent_seconds: float = SILENT_SECONDS) -> None:
        self._url = url
        self._answer_seconds = answer_seconds
        self._silent_seconds = silent_seconds
        self._connection: Any = None
        self._held = is_sqlite(url)
        self._asking = asyncio.Lock()
        self._answered_at = 0.0

    async def held(self) -> bool:
        """Whether this process leads. It tries to if no other does. Call it every second, or another process takes over."""
        if is_sqlite(self._url):
            return True
        async with self._asking:  # two tasks that connect at once would drop the connection that holds the lock
            try:
                await self._try()
            except (*UNREACHABLE, PostgresError):
                self._held = False
            return self._held

    async def _try(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._held = False
            self._connection = await asyncpg.connect(self._url, timeout=CONNECT_SECONDS)  # type: ignore[no-untyped-call]  # no types
            await enable_keepalive(self._connection)
        if self._held:
            await self._beat()
        else:
            self._held = await self._ask() or await self._replace_silent_leader()

    async def _beat(self) -> None:
        """Show other processes that this one is alive."""
        now = asyncio.get_running_loop().time()
        if now >= self._answered_at + BEAT_SECONDS:
            await self._value(BEAT)
            self._answered_at = now

    async def _ask(self) -> bool:
        return bool(await self._value(TRY_LOCK, LEADER_LOCK))

    async def _replace_silent_leader(self) -> bool:
        """End the connection of a leader that no longer beats, whose lock is then free. Other processes ask for it as well."""
        return bool(await self._value(REPLACE_SILENT, LEADER_LOCK, self._silent_seconds)) and await self._ask()

    async def _value(self, statement: str, *values: object) -> Any:
        # A connection that does not answer in time is ended by the driver at the next try.
        return await self._connection.fetchval(statement, *values, timeout=self._answer_seconds)

    async def resign(self) -> None:
        """Let another process lead."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection, self._held = None, False
