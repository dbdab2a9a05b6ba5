"""The ORM's SQLite client, changed so that a transaction takes the write lock as it begins.

A deferred transaction that reads first and writes later fails when another process has written in between. An immediate one waits its
turn (`busy_timeout`), so the write lock serves as fence and as row lock. This is the only module that uses private names of aiosqlite and
of the ORM's client for it.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from tortoise.backends.base.client import BaseDBAsyncClient, NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections
from typing_extensions import override

BEGIN_WRITING = "BEGIN IMMEDIATE"
BEGIN_READING = "BEGIN"
ROLLBACK = "ROLLBACK"

Bound = tuple[str, Sequence[Any]]  # a statement and its parameters
Rows = list[dict[str, Any]]
Call = Callable[[sqlite3.Connection, Sequence[Bound]], list[Rows]]


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that takes the write lock as it begins."""

    beginning = BEGIN_WRITING

    @override
    async def begin(self) -> None:
        await self._connection.execute(self.beginning)

    @override
    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(ImmediateTransaction(self))


class Snapshot(ImmediateTransaction):
    """A transaction that only reads, while others write."""

    beginning = BEGIN_READING


class ImmediateTransactionContext(SqliteTransactionContext):
    """Undoes BEGIN and releases the lock when the transaction could not begin, for example because its task was cancelled."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._abandon()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        transaction: TransactionalDBClient = self.connection
        return transaction

    async def _abandon(self) -> None:
        # The connection's thread runs BEGIN even if no task waits for it any more, and then this rollback.
        try:
            if self.connection._connection:
                await asyncio.shield(self.connection._connection.rollback())
        finally:
            self._trxlock.release()


class SqliteDatabaseClient(SqliteClient):
    """The client that the ORM's configuration names as the engine."""

    @override
    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


def transaction_of(client: BaseDBAsyncClient) -> TransactionContext:
    """A transaction, or a savepoint if the client is in one."""
    return client._in_transaction()


def snapshot_of(client: Any) -> TransactionContext:
    """A transaction in which all queries are answered as of one moment."""
    return ImmediateTransactionContext(Snapshot(client), client._lock)


async def run_in_turn(client: Any, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements one after the other in a single call to the connection's thread, and return the rows of each."""
    found: list[Rows] = await _called(client, _in_turn, statements)
    return found


async def answer_at_once(client: Any, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements that only read in a single call, all as of one moment, and return the rows of each."""
    found: list[Rows] = await _called(client, _at_once, statements)
    return found


@translate_exceptions
async def _called(client: Any, call: Call, statements: Sequence[Bound]) -> Any:
    client.log.debug("%s", statements)
    async with client.acquire_connection() as connection:
        return await connection._execute(call, connection._conn, statements)


def _in_turn(connection: sqlite3.Connection, statements: Sequence[Bound]) -> list[Rows]:
    return [[dict(row) for row in connection.execute(sql, values)] for sql, values in statements]


def _at_once(connection: sqlite3.Connection, statements: Sequence[Bound]) -> list[Rows]:
    if connection.in_transaction:
        return _in_turn(connection, statements)
    connection.execute(BEGIN_READING)
    try:
        return _in_turn(connection, statements)
    finally:
        connection.execute(ROLLBACK)  # nothing was written


client_class = SqliteDatabaseClient
