"""The floor of `bench.writes`: what a write must store, stored by hand in one transaction, with nothing asked and nothing judged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiosqlite
import asyncpg

from bench.write_world import AT, World
from models.engine.configuration import sqlite_path

POOL = 10  # connections, as many as a server has
PRAGMAS = (
    "journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 10000", "foreign_keys = ON",
    "cache_size = -16384", "journal_size_limit = 67108864", "wal_autocheckpoint = 8192",
)  # fmt: skip

TOUCH = "UPDATE contacts SET updated_at = $1 WHERE id = $2"
TAG = "INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id) VALUES ($1, $2, $3, $4, $5)"
JOIN = "INSERT INTO group_members (account_id, set_id, record_id, joined_at) VALUES ($1, $2, $3, $4)"
ADVANCE = """
    UPDATE groups SET position = position + 1, version = version + 1, member_count = member_count + 1
    WHERE id = $1 RETURNING epoch, position, version, member_count
"""
LOG = """
    INSERT INTO group_events (account_id, group_id, epoch, position, kind, from_version, to_version, member_count, cause, joined, "left",
    occurred_at) VALUES ($1, $2, $3, $4, 'MEMBERS', $5, $6, $7, 'TAGS_CHANGED', $8, '[]', $9)
"""


class Connection(Protocol):
    """An open transaction."""

    async def fetch(self, statement: str, *values: Any) -> Any:
        """The rows of a statement."""


class RawWriter(Protocol):
    """Runs transactions on one engine."""

    def transaction(self) -> Any:
        """A context manager of an open transaction."""


class SqliteWriter:
    """One connection, whose transactions take turns."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Take the write lock, and commit."""
        async with self._turn:
            await self.fetch("BEGIN IMMEDIATE")
            yield self
            await self._connection.commit()

    async def fetch(self, statement: str, *values: Any) -> Any:
        """The rows of a statement."""
        return await self._connection.execute_fetchall(statement, values)


class PostgresqlWriter:
    """A pool whose connections are not reset between transactions."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Begin, and commit."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection


@asynccontextmanager
async def raw_writer(url: str) -> AsyncIterator[RawWriter]:
    """A writer on this database, with the connection settings that the product has."""
    if url.startswith("sqlite:"):
        async with aiosqlite.connect(sqlite_path(url), isolation_level=None) as connection:
            for pragma in PRAGMAS:
                await connection.execute(f"PRAGMA {pragma}")
            yield SqliteWriter(connection)
        return
    async with asyncpg.create_pool(url, min_size=1, max_size=POOL, reset=_keep) as pool:  # type: ignore[no-untyped-call]  # no types
        yield PostgresqlWriter(pool)


async def _keep(connection: Any) -> None:
    """Nothing was set that the next transaction must not find."""


async def write_by_hand(writer: RawWriter, world: World, number: int) -> None:
    """What tagging one contact comes to: the tagging, the contact's time, the member, the group's head and the entry of its log.

    The row that writers of one group wait for comes last.
    """
    account, contact, flipped = world.account_id, world.contact(number), number % world.hot_groups
    group = world.group(flipped)
    async with writer.transaction() as connection:
        await connection.fetch(TOUCH, AT, contact)
        await connection.fetch(TAG, account, contact, world.tag(flipped), AT, world.user_id)
        await connection.fetch(JOIN, account, group, contact, AT)
        ((epoch, position, version, count),) = await connection.fetch(ADVANCE, group)
        await connection.fetch(LOG, account, group, epoch, position, version - 1, version, count, f"[{contact}]", AT)
