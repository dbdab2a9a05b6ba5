"""The ORM's PostgreSQL client, changed so that no connection is lost and a transaction begins with a statement of its own.

This is the only module that uses private names of asyncpg and of the ORM's client for it.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, cast

import asyncpg
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

BEGIN = "BEGIN; {first}"
COMMIT = "COMMIT"
ROLLBACK = "ROLLBACK"
BEGIN_NESTED = "SAVEPOINT nested; {first}"
COMMIT_NESTED = "RELEASE SAVEPOINT nested"
ROLLBACK_NESTED = "ROLLBACK TO SAVEPOINT nested; RELEASE SAVEPOINT nested"

CONNECT_SECONDS = 5.0  # within which a running server accepts a connection
RELEASE_SECONDS = 2.0  # within which it confirms that a statement is cancelled: two round trips and a connection
SOCKET_OPTIONS = (
    ("SO_KEEPALIVE", 1),
    ("TCP_KEEPIDLE", 10),  # a long statement sends nothing for minutes, and neither does a server that has vanished
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 15_000),  # milliseconds that sent data may stay unacknowledged: by default some 15 minutes
)
GIVEN_BY_URL = ("host", "port", "user", "password", "database")

_answer_seconds: ContextVar[float | None] = ContextVar("answer_seconds", default=None)


class Pool(NamedTuple):
    """The connections of a pool: in use, open and idle, and how many there may be."""

    used: int
    idle: int
    most: int


async def enable_keepalive(connection: Any) -> None:
    """Have the operating system end a connection within half a minute once its server has vanished."""
    wire = connection._transport.get_extra_info("socket")
    if wire.family == socket.AF_UNIX:
        return
    for name, value in SOCKET_OPTIONS:
        if hasattr(socket, name):  # not every operating system has all of them
            wire.setsockopt(socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP, getattr(socket, name), value)


async def release(pool: Any, connection: Any) -> None:
    """Return a connection to its pool, or close it if the server does not confirm in time that its statement is cancelled."""
    with suppress(TimeoutError):
        await pool.release(connection, timeout=RELEASE_SECONDS)


async def roll_back(connection: Any) -> None:
    """End a transaction without its changes, by closing the connection if the server does not answer in time."""
    try:
        await connection.execute(ROLLBACK, timeout=RELEASE_SECONDS)
    except TimeoutError:
        with suppress(InterfaceError):  # where the driver has closed it already
            connection.terminate()


class Transaction(TransactionWrapper):
    """A transaction, or a savepoint in one, that runs another statement in the round trip in which it begins."""

    def __init__(self, outer: AsyncpgDBClient, first: str) -> None:
        super().__init__(outer)
        self._first = first

    @override
    def _in_transaction(self) -> TransactionContext:
        return transaction_of(self, "")

    @override
    async def begin(self) -> None:
        await self._connection.execute(BEGIN.format(first=self._first))

    @override
    async def commit(self) -> None:
        await self._end(COMMIT)

    @override
    async def rollback(self) -> None:
        await roll_back(self._connection)
        self._finalized = True

    @override
    async def savepoint(self) -> None:
        await self._connection.execute(BEGIN_NESTED.format(first=self._first))

    @override
    async def release_savepoint(self) -> None:
        await self._end(COMMIT_NESTED)

    @override
    async def savepoint_rollback(self) -> None:
        await self._end(ROLLBACK_NESTED)

    async def _end(self, statement: str) -> None:
        await self._connection.execute(statement)
        self._finalized = True


class PooledTransactionContext(TransactionContextPooled):
    """Returns the connection to the pool if the transaction could not begin, for example because its task was cancelled.

    The ORM's own context takes the connection and then awaits BEGIN. A task that is cancelled in between, as each operation
    of a closed WebSocket is, would keep it for good.
    """

    async def __aenter__(self) -> TransactionalDBClient:
        await self.ensure_connection()
        pool = self.client._parent._pool
        self.client._connection = await pool.acquire()
        try:
            await self.client.begin()
        except BaseException:
            await self._abandon()
            raise
        self.token = get_connections().set(self.connection_name, self.client)
        return self.client

    async def _abandon(self) -> None:
        # BEGIN itself may have succeeded, and only the statement beside it failed.
        connection = self.client._connection
        try:
            with suppress(InterfaceError, PostgresError, OSError):  # a lost connection has nothing to roll back
                await roll_back(connection)
        finally:
            await release(self.client._parent._pool, connection)


def transaction_of(client: BaseDBAsyncClient, first: str) -> TransactionContext:
    """A transaction, or a savepoint if the client is in one, that runs `first`, which has no parameters, as it begins."""
    if isinstance(client, Transaction):
        return NestedTransactionContext(Transaction(client, first))
    pooled = cast(AsyncpgDBClient, client)
    return PooledTransactionContext(Transaction(pooled, first), pooled._pool_init_lock)


class PooledConnection(PoolConnectionWrapper[Any]):
    """A connection of the pool for the time that one statement takes."""

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
            await release(self.client._pool, self.connection)


class PostgresqlDatabaseClient(AsyncpgDBClient):
    """The client that the ORM's configuration names as the engine."""

    @override
    async def create_pool(self, **arguments: Any) -> Any:
        # The URL goes to the driver whole, so that it honours or refuses each option in it, such as `sslmode`.
        return await asyncpg.create_pool(**{name: value for name, value in arguments.items() if name not in GIVEN_BY_URL})  # type: ignore[no-untyped-call]  # no types

    @override
    def acquire_connection(self) -> AbstractAsyncContextManager[Any]:  # type: ignore[override]  # the ORM names a class of its own
        seconds = _answer_seconds.get()
        return PooledConnection(self, self._pool_init_lock) if seconds is None else self._limited(seconds)

    @asynccontextmanager
    async def _limited(self, seconds: float) -> AsyncIterator[Any]:
        """A connection of the pool for a statement that must be answered in time, not counting the wait for the connection."""
        async with PooledConnection(self, self._pool_init_lock) as connection:
            deadline = asyncio.timeout(seconds)
            try:
                async with deadline:
                    yield connection
            except TimeoutError as late:
                if not deadline.expired():
                    raise
                await self._expire_connections()  # the other connections may be dead too: the next try opens a new one
                raise TimeoutError(f"no answer within {seconds:g} seconds") from late

    @override
    def _in_transaction(self) -> TransactionContext:
        return transaction_of(self, "")


@contextmanager
def answer_within(seconds: float) -> Iterator[None]:
    """Raise `TimeoutError` for each statement inside that is not answered in time. Statements of transactions are not limited."""
    token = _answer_seconds.set(seconds)
    try:
        yield
    finally:
        _answer_seconds.reset(token)


def pool_of(client: BaseDBAsyncClient) -> Pool:
    """How many connections of the client's pool are in use and idle, and how many there may be."""
    pool: Any = cast(AsyncpgDBClient, client)._pool
    if pool is None:  # not opened yet
        return Pool(0, 1, 1)
    idle, size = pool.get_idle_size(), pool.get_size()
    return Pool(size - idle, idle, pool.get_max_size())


client_class = PostgresqlDatabaseClient
