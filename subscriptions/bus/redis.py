"""The bus over the pub/sub of Redis or Valkey."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from models.engine.database import Database
from subscriptions.bus.remote import BusConnection, Connect

ALIASES = {"valkey": "redis", "valkeys": "rediss"}
NAME = "SELECT current_database() AS name"
FIRST_MIGRATED = "SELECT min(applied_at) AS at FROM tortoise_migrations"


@dataclass(slots=True)
class RedisConnection:
    """Two connections: one publishes, the other is subscribed."""

    client: Redis
    subscribed: PubSub
    channel: str
    on_message: Callable[[str], None]

    async def send(self, message: str) -> None:
        """Publish to every connection that is subscribed."""
        await self.client.publish(self.channel, message)

    async def receive(self) -> None:
        """Pass messages on until the connection is lost."""
        async for message in self.subscribed.listen():
            if message["type"] == "message":
                self.on_message(message["data"])


def redis_bus(url: str, channel: str) -> Connect:
    """How to connect to the bus through this channel of the server at this URL."""

    @contextlib.asynccontextmanager
    async def connect(on_message: Callable[[str], None]) -> AsyncIterator[BusConnection]:
        async with redis_client(url) as client, client.pubsub() as subscribed:
            await subscribed.subscribe(channel)
            yield RedisConnection(client, subscribed, channel, on_message)

    return connect


def redis_client(url: str) -> Redis:
    """A client that does not reconnect by itself, so that every loss is noticed.

    Raises `ValueError` if the URL names no server.
    """
    scheme, separator, rest = url.partition("://")
    return Redis.from_url(
        f"{ALIASES.get(scheme, scheme)}{separator}{rest}",
        protocol=2,
        decode_responses=True,
        encoding_errors="replace",  # any program may publish anything
        retry=Retry(NoBackoff(), 0),
    )


async def channel_of(database: Database) -> str:
    """A channel for the processes that share this database, and for no others on the same server."""
    migrated = await database.row(FIRST_MIGRATED)
    name = database.path.resolve() if database.path else (await database.row(NAME))["name"]
    identity = sha256(f"{name} {migrated['at']}".encode()).hexdigest()
    return f"muster:{identity[:32]}"
