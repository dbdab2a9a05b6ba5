"""The ORM's SQLite client, changed so that reading waits for no write, and a transaction takes the write lock as it begins.

One connection writes, and some others read what is committed. A deferred transaction that reads first and writes later fails when
another process has written in between. An immediate one waits its turn (`busy_timeout`), so the write lock serves as fence and as row lock.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, cast

import aiosqlite
from tortoise.backends.base.client import BaseDBAsyncClient, NestedTransactionContext, TransactionalDBClient, TransactionContext
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper, translate_exceptions
from tortoise.connection import get_connections
from typing_extensions import override

from models.engine import sqlite_connection
from models.engine.deadlines import UntilDeadline, seconds_left
from models.engine.loans import Pool
from models.engine.sqlite_connection import BEGIN_READING, Bound, Call, Rows, call_to_read, call_to_write, is_read
from models.engine.sqlite_pool import ReaderLoan, SqlitePool

T = TypeVar("T")

NUL = "'||CHAR(0)||'"  # in a literal of a statement, which must not contain the character itself
BEGIN_WRITING = "BEGIN IMMEDIATE"


class StatementClient(SqliteClient):
    """Runs each statement in one call to the thread of the connection that is lent for it."""

    def lend(self, *, to_read: bool) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        """A connection for one call."""
        raise NotImplementedError

    @override
    def acquire_connection(self) -> AbstractAsyncContextManager[Any]:  # type: ignore[override]  # the ORM names a class of its own
        return self.lend(to_read=False)

    @override
    @translate_exceptions
    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[Any]]:
        self.log.debug("%s: %s", query, values)
        query = query.replace("\0", NUL)
        return await self.call(sqlite_connection.fetch, query, values, to_read=is_read(query))

    @override
    @translate_exceptions
    async def execute_query_dict(self, query: str, values: list[Any] | None = None) -> Rows:
        self.log.debug("%s: %s", query, values)
        query = query.replace("\0", NUL)
        return await self.call(sqlite_connection.fetch_dicts, query, values, to_read=is_read(query))

    async def call(self, call: Call[T], *arguments: Any, to_read: bool) -> T:
        """Call a function with a connection, in the connection's thread.

        One that reads is interrupted when its task is cancelled or the deadline of the request passes. One that may write is not begun
        after the deadline, and once begun it is awaited.
        """
        async with self.lend(to_read=to_read) as connection:
            if to_read:
                async with UntilDeadline():
                    return await call_to_read(connection, call, *arguments)
            seconds_left()
            return await call_to_write(connection, call, *arguments)


class ImmediateTransaction(StatementClient, SqliteTransactionWrapper):
    """A transaction that takes the write lock as it begins."""

    beginning = BEGIN_WRITING

    @asynccontextmanager
    async def lend(self, *, to_read: bool) -> AsyncIterator[aiosqlite.Connection]:
        """The connection of the transaction. Tasks of the transaction take turns."""
        async with self._lock:
            yield self._connection

    @override
    async def begin(self) -> None:
        await call_to_write(self._connection, sqlite_connection.run, self.beginning)

    @override
    async def commit(self) -> None:
        self._finalized = True  # it commits or is undone, whatever cancels the task meanwhile
        await call_to_write(self._connection, sqlite_connection.commit)

    @override
    async def rollback(self) -> None:
        self._finalized = True
        await call_to_write(self._connection, sqlite_connection.roll_back)

    @override
    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(ImmediateTransaction(self))


class Snapshot(ImmediateTransaction):
    """A transaction that only reads, on a connection that reads, while others write."""

    beginning = BEGIN_READING

    def __init__(self, client: "SqliteDatabaseClient", reader: aiosqlite.Connection) -> None:
        super().__init__(client)
        self._connection = reader


class WritingTransactionContext(TransactionContext):
    """Borrows the connection that writes, for the time of a transaction."""

    def __init__(self, client: "SqliteDatabaseClient") -> None:
        self._client = client
        self._transaction = ImmediateTransaction(client)

    async def __aenter__(self) -> TransactionalDBClient:
        await self._client.pool.borrow_writer()
        try:
            self._transaction._connection = await self._client.pool.writer()
            await self._begin()
        except BaseException:
            await self._client.pool.give_writer_back()
            raise
        self._token = get_connections().set(self._client.connection_name, self._transaction)
        return self._transaction

    async def _begin(self) -> None:
        """Take the write lock. It is released again if the transaction cannot begin, for example because its task was cancelled."""
        try:
            await self._transaction.begin()
        except BaseException:
            await self._transaction.rollback()
            raise

    async def __aexit__(self, exc_type: Any, exc_val: Any, exc_tb: Any) -> None:
        try:
            await (self._transaction.rollback() if exc_type else self._transaction.commit())
        finally:
            get_connections().reset(self._token)
            await self._client.pool.give_writer_back()


class SqliteDatabaseClient(StatementClient):
    """The client that the ORM's configuration names as the engine."""

    def __init__(self, file_path: str, **pragmas: Any) -> None:
        super().__init__(file_path, **pragmas)
        self.pool = SqlitePool(self.filename, self.pragmas)

    def lend(self, *, to_read: bool) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        """A connection for one statement, or for statements that are answered together."""
        return ReaderLoan(self.pool) if to_read else self.pool.lend_writer()

    @override
    async def create_connection(self, with_db: bool) -> None:
        self._connection = await self.pool.writer()
        await self._post_connect()

    @override
    async def close(self) -> None:
        await self.pool.close()
        self._connection = None

    @override
    def _in_transaction(self) -> TransactionContext:
        return WritingTransactionContext(self)


@translate_exceptions
async def _statements(client: StatementClient, call: Call[list[Rows]], statements: Sequence[Bound]) -> list[Rows]:
    client.log.debug("%s", statements)
    return await client.call(call, statements, to_read=all(is_read(sql) for sql, _ in statements))


async def run_in_turn(client: BaseDBAsyncClient, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements one after the other in a single call to the connection's thread, and return the rows of each."""
    found: list[Rows] = await _statements(client, sqlite_connection.fetch_in_turn, statements)
    return found


async def answer_at_once(client: BaseDBAsyncClient, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements that only read in a single call, all as of one moment, and return the rows of each."""
    found: list[Rows] = await _statements(client, sqlite_connection.fetch_at_once, statements)
    return found


def transaction_of(client: BaseDBAsyncClient) -> TransactionContext:
    """A transaction, or a savepoint if the client is in one."""
    return client._in_transaction()


@asynccontextmanager
async def snapshot_of(client: BaseDBAsyncClient) -> AsyncIterator[None]:
    """Answer all queries inside as of one moment."""
    client = cast(SqliteDatabaseClient, client)
    async with client.lend(to_read=True) as reader:
        snapshot = Snapshot(client, reader)
        await snapshot.begin()
        token = get_connections().set(client.connection_name, snapshot)
        try:
            yield
        finally:
            get_connections().reset(token)
            await snapshot.rollback()


def pool_of(client: BaseDBAsyncClient) -> Pool:
    """How many of the client's connections are in use, how many others are open, and how many there may be."""
    return cast(SqliteDatabaseClient, client).pool.state()


def writes_wait(client: BaseDBAsyncClient) -> bool:
    """Whether a task waits for the connection that writes."""
    return cast(SqliteDatabaseClient, client).pool.writers.waiting > 0


client_class = SqliteDatabaseClient
