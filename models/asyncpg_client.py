"""Tortoise's PostgreSQL client with transactions that never lose a connection of the pool, and that begin with more than BEGIN.

The ORM's own context takes a connection and then awaits BEGIN: a task that is cancelled in between, as every operation
of a closed socket is, would keep the connection for good. The driver's own transaction sends BEGIN alone, and what every
transaction asks for first would take another round trip.
"""

from contextlib import suppress
from typing import cast

from asyncpg.exceptions import InterfaceError, PostgresError
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    BaseDBAsyncClient,
    NestedTransactionContext,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from typing_extensions import override


class Transaction(TransactionWrapper):
    """A transaction, or a savepoint of one, by statements of its own."""

    def __init__(self, outer: AsyncpgDBClient, first: str) -> None:
        super().__init__(outer)
        self._first = first

    @override
    def _in_transaction(self) -> TransactionContext:
        return transaction_of(self, "")

    @override
    async def begin(self) -> None:
        await self._connection.execute(f"BEGIN; {self._first}")

    @override
    async def commit(self) -> None:
        await self._end("COMMIT")

    @override
    async def rollback(self) -> None:
        await self._end("ROLLBACK")

    @override
    async def savepoint(self) -> None:
        await self._connection.execute(f"SAVEPOINT nested; {self._first}")

    @override
    async def release_savepoint(self) -> None:
        await self._end("RELEASE SAVEPOINT nested")

    @override
    async def savepoint_rollback(self) -> None:
        await self._end("ROLLBACK TO SAVEPOINT nested; RELEASE SAVEPOINT nested")

    async def _end(self, statement: str) -> None:
        await self._connection.execute(statement)
        self._finalized = True


class PooledTransactionContext(TransactionContextPooled):
    """Gives the connection back when the transaction could not begin."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        self.client._connection = await pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await self._withdraw()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def _withdraw(self) -> None:
        # BEGIN itself may have succeeded, and only what came with it not.
        connection = self.client._connection
        try:
            with suppress(InterfaceError, PostgresError, OSError):  # a connection that is lost has nothing to roll back
                await connection.execute("ROLLBACK")
        finally:
            await self.client._parent._pool.release(connection)


def transaction_of(client: BaseDBAsyncClient, first: str) -> TransactionContext:
    """A transaction of a pool, or a savepoint of a transaction, that runs `first`, which has no parameters, as it begins."""
    if isinstance(client, Transaction):
        return NestedTransactionContext(Transaction(client, first))
    pooled = cast(AsyncpgDBClient, client)
    return PooledTransactionContext(Transaction(pooled, first), pooled._pool_init_lock)


class PostgresqlDatabaseClient(AsyncpgDBClient):
    """The client that `models.database` names as the engine."""

    @override
    def _in_transaction(self) -> TransactionContext:
        return transaction_of(self, "")


client_class = PostgresqlDatabaseClient
