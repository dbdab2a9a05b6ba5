"""The pub/sub of Redis or Valkey as a line of the bus."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from models.engine.database import Database
from subscriptions.bus.remote import Line, Open

ALIASES = {"valkey": "redis", "valkeys": "rediss"}
NAME = "SELECT current_database() AS name"
FIRST_MIGRATED = "SELECT min(applied_at) AS at FROM tortoise_migrations"


@dataclass(slots=True)
class RedisLine:
    """Two connections: one speaks, the other listens."""

    client: Redis
    ears: PubSub
    channel: str
    hear: Callable[[str], None]

    async def say(self, message: str) -> None:
        """Publish to every connection that listens."""
        await self.client.publish(self.channel, message)

    async def until_lost(self) -> None:
        """Pass on what is wait."""
        async for message in self.ears.listen():
            if message["type"] == "message":
                self.hear(message["data"])


def redis_line(url: str, channel: str) -> Open:
    """Lines through this channel of the server at this URL."""

    @contextlib.asynccontextmanager
    async def open_line(hear: Callable[[str], None]) -> AsyncIterator[Line]:
        async with connect(url) as client, client.pubsub() as ears:
            await ears.subscribe(channel)
            yield RedisLine(client, ears, channel, hear)

    return open_line


def connect(url: str) -> Redis:
    """A client that mends nothing by itself, so that every loss is noticed; raises `ValueError` if the URL names no server."""
    scheme, separator, rest = url.partition("://")
    return Redis.from_url(
        f"{ALIASES.get(scheme, scheme)}{separator}{rest}",
        protocol=2,
        decode_responses=True,
        encoding_errors="replace",  # anybody may publish anything
        retry=Retry(NoBackoff(), 0),
    )


async def channel_of(database: Database) -> str:
    """A channel for the processes that share this database, and for no others on the same server."""
    migrated = await database.row(FIRST_MIGRATED)
    name = database.path.resolve() if database.path else (await database.row(NAME))["name"]
    identity = sha256(f"{name} {migrated['at']}".encode()).hexdigest()
    return f"muster:{identity[:32]}"
