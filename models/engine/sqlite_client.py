"""Tortoise's SQLite client with transactions that take the write lock at once.

A deferred transaction that reads first and writes later fails immediately when somebody else wrote in between; an
immediate one waits its turn (`busy_timeout`), which makes the write lock serve as fence and row lock in one.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from tortoise.backends.base.client import NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import (
    SqliteClient,
    SqliteTransactionContext,
    SqliteTransactionWrapper,
    translate_exceptions,
)
from tortoise.connection import get_connections
from typing_extensions import override

Bound = tuple[str, Sequence[Any]]  # a statement and its parameters
Rows = list[dict[str, Any]]
Visit = Callable[[sqlite3.Connection, Sequence[Bound]], list[Rows]]


class ImmediateTransaction(SqliteTransactionWrapper):
    """A transaction that begins with the write lock in hand."""

    beginning = "BEGIN IMMEDIATE"

    @override
    async def begin(self) -> None:
        await self._connection.execute(self.beginning)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(ImmediateTransaction(self))


class Snapshot(ImmediateTransaction):
    """A transaction that only reads, while others write."""

    beginning = "BEGIN"


class ImmediateTransactionContext(SqliteTransactionContext):
    """Leaves nothing behind when the transaction could not begin, or its task was cancelled while it did."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self._trxlock.acquire()
        try:
            await self.ensure_connection()
            await self.connection.begin()
        except BaseException:
            await self._withdraw()
            raise
        self.token = get_connections().set(self.connection_name, self.connection)
        transaction: TransactionalDBClient = self.connection
        return transaction

    async def _withdraw(self) -> None:
        # The connection's thread runs BEGIN even if nobody waits for it any more; a rollback behind it undoes it.
        try:
            if self.connection._connection:
                await asyncio.shield(self.connection._connection.rollback())
        finally:
            self._trxlock.release()


class SqliteDatabaseClient(SqliteClient):
    """The client that `models.engine.database` names as the engine."""

    def _in_transaction(self) -> TransactionContext:
        return ImmediateTransactionContext(ImmediateTransaction(self), self._lock)


def snapshot_of(client: Any) -> TransactionContext:
    """A transaction of this client in which all is read as of one moment."""
    return ImmediateTransactionContext(Snapshot(client), client._lock)


async def run_in_turn(client: Any, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements one after the other in a single visit to the connection's thread, and return the rows of each."""
    found: list[Rows] = await _visited(client, _in_turn, statements)
    return found


async def answer_at_once(client: Any, statements: Sequence[Bound]) -> list[Rows]:
    """The same for statements that only read, as of one moment, even if another process writes in between."""
    found: list[Rows] = await _visited(client, _at_once, statements)
    return found


@translate_exceptions
async def _visited(client: Any, visit: Visit, statements: Sequence[Bound]) -> Any:
    client.log.debug("%s", statements)
    async with client.acquire_connection() as connection:
        return await connection._execute(visit, connection._conn, statements)


def _in_turn(connection: sqlite3.Connection, statements: Sequence[Bound]) -> list[Rows]:
    return [[dict(row) for row in connection.execute(sql, values)] for sql, values in statements]


def _at_once(connection: sqlite3.Connection, statements: Sequence[Bound]) -> list[Rows]:
    if connection.in_transaction:
        return _in_turn(connection, statements)
    connection.execute("BEGIN")
    try:
        return _in_turn(connection, statements)
    finally:
        connection.execute("ROLLBACK")  # nothing was written


client_class = SqliteDatabaseClient
