"""The bus between processes: it carries hints that a group's log has grown, never data, and may lose any of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Protocol

import asyncpg
import structlog
from tenacity import AsyncRetrying, wait_exponential_jitter

from models.database import connection_arguments

Receive = Callable[[Iterable[int]], None]

CHANNEL = "muster_groups"
COALESCE_SECONDS = 0.01
LARGEST_PAYLOAD = 7000  # PostgreSQL refuses 8000 bytes


class Bus(Protocol):
    """Tells other processes which groups have new entries."""

    def publish(self, group_ids: Iterable[int]) -> None:
        """Pass the hint on soon; never waits and never fails."""

    def attached(self, receive: Receive) -> contextlib.AbstractAsyncContextManager[None]:
        """Deliver the hints of other processes while the context is open; `receive` is also called without ids after a gap."""


class LocalBus:
    """For a single process, which has no other to tell."""

    def publish(self, group_ids: Iterable[int]) -> None:
        """Nobody else listens."""

    @contextlib.asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        """Nobody else speaks."""
        yield


class PostgresBus:
    """LISTEN and NOTIFY on a connection of its own, after commit and coalesced, so that no writer waits for it."""

    def __init__(self, connect: Callable[[], Awaitable[Any]]) -> None:
        self._connect = connect
        self._pending: set[int] = set()
        self._wake = asyncio.Event()

    def publish(self, group_ids: Iterable[int]) -> None:
        """Remember the groups for the next notification."""
        self._pending.update(group_ids)
        self._wake.set()

    @contextlib.asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        """Keep a connection open, again after each loss."""
        task = asyncio.create_task(self._stay_connected(receive), name="bus")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _stay_connected(self, receive: Receive) -> None:
        # Nothing that happens here may end the bus: the log stays right without it, only slower.
        async for attempt in AsyncRetrying(wait=wait_exponential_jitter(initial=0.1, max=5)):
            with attempt:
                await self._converse(receive)

    async def _converse(self, receive: Receive) -> None:
        connection = await self._connect()
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, lambda *message: receive(_read(message[3])))
            receive(())
            await self._notify_until(lost, connection)
        finally:
            connection.terminate()
        structlog.get_logger().warning("bus connection lost, reconnecting")
        raise ConnectionResetError

    async def _notify_until(self, lost: asyncio.Event, connection: Any) -> None:
        gone = asyncio.create_task(lost.wait())
        try:
            while not lost.is_set():
                woken = asyncio.create_task(self._wake.wait())
                await asyncio.wait((gone, woken), return_when=asyncio.FIRST_COMPLETED)
                woken.cancel()
                await asyncio.sleep(COALESCE_SECONDS)
                await self._notify(connection)
        finally:
            gone.cancel()

    async def _notify(self, connection: Any) -> None:
        self._wake.clear()
        pending, self._pending = self._pending, set()
        for payload in _payloads(pending):
            await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)


def _payloads(group_ids: Iterable[int]) -> Iterable[str]:
    payload = ""
    for number in sorted(group_ids):
        if len(payload) > LARGEST_PAYLOAD:
            yield payload
            payload = ""
        payload = f"{payload} {number}" if payload else str(number)
    if payload:
        yield payload


def _read(payload: str) -> list[int]:
    return [int(word) for word in payload.split() if word.isdigit()]


def postgres_connect(url: str) -> Callable[[], Awaitable[Any]]:
    """How the bus opens its own connection to the database at this URL."""

    async def connect() -> Any:
        return await asyncpg.connect(**connection_arguments(url))  # type: ignore[no-untyped-call]  # no types

    return connect
