"""The ORM's PostgreSQL client, changed so that no connection is lost and a transaction begins with a statement of its own.

This is the only module that uses private names of the ORM's client for asyncpg.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import BaseDBAsyncClient, NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.connection import get_connections
from typing_extensions import override

from models.engine.asyncpg_connection import CONNECT_SECONDS, release, roll_back
from models.engine.deadlines import UntilDeadline, seconds_left, to_the_end
from models.engine.fair_queue import HeldTurn
from models.engine.loans import Loans, Pool

BEGIN = "BEGIN; {first}"
LIMIT = "SET LOCAL statement_timeout = {milliseconds}; "
COMMIT = "COMMIT"
BEGIN_NESTED = "SAVEPOINT nested; {first}"
COMMIT_NESTED = "RELEASE SAVEPOINT nested"
ROLLBACK_NESTED = "ROLLBACK TO SAVEPOINT nested; RELEASE SAVEPOINT nested"

GIVEN_BY_URL = ("host", "port", "user", "password", "database")

GRACE_SECONDS = 1.0  # after the deadline, in which this process cancels a statement before the server does

_answer_seconds: ContextVar[float | None] = ContextVar("answer_seconds", default=None)


class Transaction(TransactionWrapper):
    """A transaction, or a savepoint in one, that runs another statement in the round trip in which it begins."""

    def __init__(self, outer: AsyncpgDBClient, first: str) -> None:
        super().__init__(outer)
        self._first = first

    @override
    def _in_transaction(self) -> TransactionContext:
        return transaction_of(self, "")

    @override
    @asynccontextmanager
    async def acquire_connection(self) -> AsyncIterator[Any]:  # type: ignore[override]  # the ORM names a class of its own
        """The connection of the transaction, for one statement. Tasks of the transaction take turns."""
        async with UntilDeadline(), self._lock:
            yield self._connection

    @override
    async def begin(self) -> None:
        left = seconds_left()
        limit = "" if left is None else LIMIT.format(milliseconds=int((left + GRACE_SECONDS) * 1000))
        async with UntilDeadline():
            await self._connection.execute(BEGIN.format(first=limit + self._first))

    @override
    async def commit(self) -> None:
        await to_the_end(self._end(COMMIT))

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


class PooledTransactionContext(TransactionContext):
    """Borrows a connection of the pool for the time of a transaction.

    The connection is given back if the transaction cannot begin, for example because its task was cancelled.
    """

    def __init__(self, transaction: Transaction, client: "PostgresqlDatabaseClient") -> None:
        self._transaction = transaction
        self._client = client

    async def __aenter__(self) -> TransactionalDBClient:
        self._transaction._connection = await self._client.borrow()
        try:
            await self._transaction.begin()
        except BaseException:
            await self._end(self._transaction.rollback())  # BEGIN may have succeeded, and only the statement beside it failed
            raise
        self._token = get_connections().set(self._client.connection_name, self._transaction)
        return self._transaction

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        get_connections().reset(self._token)
        await self._end(self._transaction.rollback() if exc_type else self._transaction.commit())

    async def _end(self, ending: Coroutine[Any, Any, None]) -> None:
        try:
            await ending
        finally:
            await self._client.give_back(self._transaction._connection)


def transaction_of(client: BaseDBAsyncClient, first: str) -> TransactionContext:
    """A transaction, or a savepoint if the client is in one, that runs `first`, which has no parameters, as it begins."""
    if isinstance(client, Transaction):
        return NestedTransactionContext(Transaction(client, first))
    pooled = cast(PostgresqlDatabaseClient, client)
    return PooledTransactionContext(Transaction(pooled, first), pooled)


class PostgresqlDatabaseClient(AsyncpgDBClient):
    """The client that the ORM's configuration names as the engine."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.loans = Loans(self.pool_maxsize)
        self._lent: dict[Any, HeldTurn] = {}

    @override
    async def create_pool(self, **arguments: Any) -> Any:
        # The URL goes to the driver whole, so that it honours or refuses each option in it, such as `sslmode`.
        return await asyncpg.create_pool(**{name: value for name, value in arguments.items() if name not in GIVEN_BY_URL})  # type: ignore[no-untyped-call]  # no types

    async def borrow(self) -> Any:
        """Wait for a connection of the pool, which has to be given back."""
        loan = await self.loans.borrow()
        try:
            connection = await (await self._open_pool()).acquire()
        except TimeoutError as late:
            loan.end()
            raise TimeoutError(f"no connection within {CONNECT_SECONDS:g} seconds") from late
        except BaseException:
            loan.end()
            raise
        self._lent[connection] = loan
        return connection

    async def give_back(self, connection: Any) -> None:
        """Return a connection to the pool, once the server has confirmed that a cancelled statement has ended."""
        loan = self._lent.pop(connection)
        try:
            await release(self._pool, connection)
        finally:
            loan.end()

    async def _open_pool(self) -> Any:
        if not self._pool:
            async with self._pool_init_lock:
                if not self._pool:
                    await self.create_connection(with_db=True)
        return self._pool

    @override
    @asynccontextmanager
    async def acquire_connection(self) -> AsyncIterator[Any]:  # type: ignore[override]  # the ORM names a class of its own
        """A connection of the pool for one statement."""
        connection = await self.borrow()
        try:
            async with UntilDeadline(), self._answered_in_time():
                yield connection
        finally:
            await self.give_back(connection)

    @asynccontextmanager
    async def _answered_in_time(self) -> AsyncIterator[None]:
        """Give up a statement that must be answered within some seconds, and have the next one use a new connection."""
        seconds = _answer_seconds.get()
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError as late:
            if not limit.expired():
                raise
            await self._expire_connections()  # the other connections may be dead too
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
    opened = cast(PostgresqlDatabaseClient, client)
    pool: Any = opened._pool
    if pool is None:  # not opened yet
        return Pool(0, 1, 1)
    idle, size = pool.get_idle_size(), pool.get_size()
    return Pool(size - idle, idle, pool.get_max_size(), opened.loans.waiting)


client_class = PostgresqlDatabaseClient
