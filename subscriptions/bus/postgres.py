"""The bus over PostgreSQL's LISTEN and NOTIFY, on a connection of its own and outside of every write's transaction."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from subscriptions.bus.remote import BusConnection, Connect

CHANNEL = "muster_groups"  # PostgreSQL keeps the channels of its databases apart
NOTIFY = "SELECT pg_notify($1, $2)"
SETTINGS = {"application_name": "muster bus"}


@dataclass(slots=True)
class PostgresConnection:
    """A connection that listens."""

    connection: Any
    lost: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: str) -> None:
        """Notify every connection that listens."""
        await self.connection.execute(NOTIFY, CHANNEL, message)

    async def receive(self) -> None:
        """Wait until the connection is lost. The driver passes messages on by itself."""
        await self.lost.wait()
        raise ConnectionResetError("the connection ended")


def postgres_bus(url: str) -> Connect:
    """How to connect to the bus through the database at this URL."""

    @contextlib.asynccontextmanager
    async def connect(on_message: Callable[[str], None]) -> AsyncIterator[BusConnection]:
        connection = await asyncpg.connect(url, server_settings=SETTINGS)  # type: ignore[no-untyped-call]  # no types
        opened = PostgresConnection(connection)
        try:
            connection.add_termination_listener(lambda _: opened.lost.set())
            await connection.add_listener(CHANNEL, lambda *notification: on_message(notification[3]))
            yield opened
        finally:
            connection.terminate()

    return connect
