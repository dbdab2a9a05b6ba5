"""Tortoise's PostgreSQL client: it never loses a connection of the pool, nor keeps a dead one, and transactions begin with more than BEGIN.

The ORM's own context takes a connection and then awaits BEGIN: a task that is cancelled in between, as every operation
of a closed socket is, would keep the connection for good. The driver's own transaction sends BEGIN alone, and what every
transaction asks for first would take another round trip. And the driver gives a connection back only once the server
has acknowledged that a statement was cancelled, which a server that has vanished never does.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, cast

from asyncpg.exceptions import InterfaceError, PostgresError
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import (
    BaseDBAsyncClient,
    NestedTransactionContext,
    PoolConnectionWrapper,
    TransactionalDBClient,
    TransactionContext,
    TransactionContextPooled,
)
from tortoise.connection import get_connections
from typing_extensions import override

CONNECT_SECONDS = 5.0  # in which a server that is there has let one in
RELEASE_SECONDS = 2.0  # in which it has acknowledged that a statement is cancelled: two round trips and a connection
SOCKET_OPTIONS = (
    ("SO_KEEPALIVE", 1),
    ("TCP_KEEPIDLE", 10),  # a long statement says nothing for minutes, and a server that has vanished says nothing for ever
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 15_000),  # milliseconds for which what was sent may go unacknowledged: by default some 15 minutes
)


async def watch_over(connection: Any) -> None:
    """Have the system end a new connection whose other side has vanished, within half a minute, whatever it waits for."""
    wire = connection._transport.get_extra_info("socket")
    if wire.family == socket.AF_UNIX:
        return
    for name, value in SOCKET_OPTIONS:
        if hasattr(socket, name):  # each system has those that it has
            wire.setsockopt(socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP, getattr(socket, name), value)


async def give_back(pool: Any, connection: Any) -> None:
    """Return a connection to its pool; it is closed instead if the server does not acknowledge what was cancelled on it."""
    with suppress(TimeoutError):
        await pool.release(connection, timeout=RELEASE_SECONDS)


async def roll_back(connection: Any) -> None:
    """End what a transaction has begun; by closing its connection if the server does not answer."""
    try:
        await connection.execute("ROLLBACK", timeout=RELEASE_SECONDS)
    except TimeoutError:
        with suppress(InterfaceError):  # where the driver has closed it already
            connection.terminate()


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
        await roll_back(self._connection)
        self._finalized = True

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
                await roll_back(connection)
        finally:
            await give_back(self.client._parent._pool, connection)


def transaction_of(client: BaseDBAsyncClient, first: str) -> TransactionContext:
    """A transaction of a pool, or a savepoint of a transaction, that runs `first`, which has no parameters, as it begins."""
    if isinstance(client, Transaction):
        return NestedTransactionContext(Transaction(client, first))
    pooled = cast(AsyncpgDBClient, client)
    return PooledTransactionContext(Transaction(pooled, first), pooled._pool_init_lock)


class Loan(PoolConnectionWrapper[Any]):
    """A connection of the pool for as long as one statement takes."""

    @override
    async def __aenter__(self) -> Any:
        try:
            return await super().__aenter__()
        except TimeoutError as late:
            raise TimeoutError(f"no connection within {CONNECT_SECONDS:g} seconds") from late

    @override
    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        if exc_type is None:
            await super().__aexit__(exc_type, exc_val, exc_tb)
        else:
            await give_back(self.client._pool, self.connection)


class PostgresqlDatabaseClient(AsyncpgDBClient):
    """The client that `models.engine.database` names as the engine."""

    @override
    def acquire_connection(self) -> PoolConnectionWrapper[Any]:
        return Loan(self, self._pool_init_lock)

    @override
    def _in_transaction(self) -> TransactionContext:
        return transaction_of(self, "")


class ImpatientClient(PostgresqlDatabaseClient):
    """A client of the same pool that gives up a statement after so many seconds, not counting those before it has a connection."""

    def __init__(self, patient: PostgresqlDatabaseClient, seconds: float) -> None:
        vars(self).update(vars(patient))
        self._seconds = seconds

    @override
    def acquire_connection(self) -> AbstractAsyncContextManager[Any]:  # type: ignore[override]  # the ORM asks for a class of its own
        return self._lent()

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        async with super().acquire_connection() as connection:
            deadline = asyncio.timeout(self._seconds)
            try:
                async with deadline:
                    yield connection
            except TimeoutError as late:
                if not deadline.expired():
                    raise
                await self._expire_connections()  # what has befallen this one may have befallen all: the next try begins anew
                raise TimeoutError(f"no answer within {self._seconds:g} seconds") from late


client_class = PostgresqlDatabaseClient
