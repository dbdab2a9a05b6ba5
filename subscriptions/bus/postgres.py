"""PostgreSQL's LISTEN and NOTIFY as a line of the bus, on a connection of its own and outside of every write's transaction."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from models.engine.database import connection_arguments
from subscriptions.bus.remote import Line, Open

CHANNEL = "muster_groups"  # PostgreSQL keeps the channels of its databases apart
SAY = "SELECT pg_notify($1, $2)"
SETTINGS = {"application_name": "muster bus"}


@dataclass(slots=True)
class PostgresLine:
    """A connection that listens."""

    connection: Any
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def say(self, message: str) -> None:
        """Notify every connection that listens."""
        await self.connection.execute(SAY, CHANNEL, message)

    async def until_lost(self) -> None:
        """Wait; the driver listens by itself."""
        await self.lost.wait()
        raise ConnectionResetError("the connection ended")


def postgres_line(url: str) -> Open:
    """Lines through the database at this URL."""

    @contextlib.asynccontextmanager
    async def open_line(hear: Callable[[str], None]) -> AsyncIterator[Line]:
        line = PostgresLine(await asyncpg.connect(**connection_arguments(url), server_settings=SETTINGS))  # type: ignore[no-untyped-call]  # no types
        try:
            line.connection.add_termination_listener(lambda _: line.lost.set())
            await line.connection.add_listener(CHANNEL, lambda *notification: hear(notification[3]))
            yield line
        finally:
            line.connection.terminate()

    return open_line
