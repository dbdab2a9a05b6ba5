"""Tortoise's PostgreSQL client with transactions that never lose a connection of the pool.

The ORM's own context takes a connection and then awaits BEGIN: a task that is cancelled in between, as every operation
of a closed socket is, would keep the connection for good.
"""

from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import TransactionalDBClient, TransactionContext, TransactionContextPooled
from tortoise.connection import get_connections
from typing_extensions import override


class PooledTransactionContext(TransactionContextPooled):
    """Gives the connection back when the transaction could not begin."""

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        self.client._connection = await pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await pool.release(self.client._connection)
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client


class PostgresqlDatabaseClient(AsyncpgDBClient):
    """The client that `models.database` names as the engine."""

    @override
    def _in_transaction(self) -> TransactionContext:
        return PooledTransactionContext(TransactionWrapper(self), self._pool_init_lock)


client_class = PostgresqlDatabaseClient
