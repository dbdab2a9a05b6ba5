"""The open database: connecting, transactions, and statements that run unchanged on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from asyncpg.exceptions import InterfaceError, InternalClientError, OperatorInterventionError, PostgresConnectionError, PostgresError
from tortoise.backends.base.client import BaseDBAsyncClient, TransactionContext
from tortoise.context import TortoiseContext, set_global_context
from tortoise.exceptions import DBConnectionError, OperationalError

from models.engine import asyncpg_client, sqlite_client
from models.engine.configuration import (
    CONNECTION,
    POOL_SIZE,
    SQLITE_SYNCHRONOUS,
    TABLES,
    TableSet,
    configuration,
    is_sqlite,
    sqlite_path,
)
from models.engine.loans import Pool
from models.engine.refused_writes import refused_writes_named
from models.engine.sqlite_connection import Bound
from models.engine.statement import Engine, asked_together, prepare
from models.errors import DatabaseUnreachable

Row = dict[str, Any]
Rows = list[Row]
Observe = Callable[[str], AbstractContextManager[object]]
"""Called with the name of a piece of work, which is then done inside the context that it returns."""

ONE = "SELECT 1 AS one"
FILE_FORMAT = "PRAGMA schema_version"
# A snapshot holds no lock that a writer waits for, and what is compared in it may take long.
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SET LOCAL idle_in_transaction_session_timeout = 0"
PLAN_FOR_VALUES = "set_config('plan_cache_mode', 'force_custom_plan', true)"
KEEP_PLANS = "set_config('plan_cache_mode', 'force_generic_plan', true)"

ANSWER_SECONDS = 5.0  # within which a running database answers a query for a few rows; no promise to watchers is tighter
UNREACHABLE = (OSError, InterfaceError, InternalClientError, PostgresConnectionError, OperatorInterventionError, DBConnectionError)


def unobserved(_work: str) -> AbstractContextManager[object]:
    """Measure nothing."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Database:
    """A handle on the open database. Inside `transaction()` every call runs in that transaction."""

    engine: Engine
    path: Path | None
    context: TortoiseContext
    observe: Observe = field(default=unobserved, kw_only=True)
    table_sets: Sequence[TableSet] = field(default=(TABLES,), kw_only=True)

    @property
    def connection(self) -> BaseDBAsyncClient:
        """The client of the running transaction, or else the pool's."""
        return self.context.connections.get(CONNECTION)

    @asynccontextmanager
    async def transaction(self, first: str = "") -> AsyncIterator[None]:
        """Commit all that happens inside, or nothing. A nested one is a savepoint.

        `first` is a statement without parameters and without rows that PostgreSQL runs in the round trip of BEGIN.
        """
        with refused_writes_named(), self.observe("transaction"):
            async with self._transaction_of(first):
                yield

    def _transaction_of(self, first: str) -> TransactionContext:
        if self.engine == "postgresql":
            return asyncpg_client.transaction_of(self.connection, first)
        return sqlite_client.transaction_of(self.connection)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """Answer all queries inside as of one moment. Nothing may be written inside, and it may not be nested."""
        with self.observe("transaction"):
            async with self._snapshot_of():
                yield

    def _snapshot_of(self) -> AbstractAsyncContextManager[object]:
        if self.engine == "postgresql":
            return asyncpg_client.transaction_of(self.connection, SNAPSHOT)
        return sqlite_client.snapshot_of(self.connection)

    @contextmanager
    def answering_within(self, seconds: float) -> Iterator[None]:
        """Raise `TimeoutError` for a statement inside that is not answered in time. The next one then has a new connection.

        Waiting for a free connection does not count, and transactions are not limited. Nor is SQLite: its file cannot vanish
        as a server can.
        """
        with asyncpg_client.answer_within(seconds):
            yield

    async def rows(self, text: str, **values: Any) -> Rows:
        """Run a statement of `models.engine.statement`'s dialect and return its rows."""
        statement = prepare(text, self.engine)
        with refused_writes_named():
            return await self.connection.execute_query_dict(statement.sql, statement.bind(values))

    async def run(self, *texts: str, **values: Any) -> list[Rows]:
        """Run statements one after the other, with values that they share, and return the rows of each.

        On SQLite, where a call to the connection's thread costs more than a statement, they share one call.
        """
        if self.engine == "sqlite":
            with refused_writes_named():
                return await sqlite_client.run_in_turn(self.connection, self._bound(texts, values))
        return [await self.rows(text, **values) for text in texts]

    async def answers(self, *texts: str, **values: Any) -> list[Rows]:
        """The rows of statements that only read or lock, in one round trip and as of one moment."""
        if len(texts) <= 1:
            return await self.run(*texts, **values)
        if self.engine == "sqlite":
            return await sqlite_client.answer_at_once(self.connection, self._bound(texts, values))
        return [orjson.loads(answer) for answer in (await self.row(asked_together(texts), **values)).values()]

    def _bound(self, texts: Iterable[str], values: Mapping[str, Any]) -> list[Bound]:
        return [(each.sql, each.bind(values)) for each in (prepare(text, self.engine) for text in texts)]

    async def plan_for_values(self) -> None:
        """Have PostgreSQL plan each further statement of this transaction for its values, as criteria need it."""
        await self._plan(PLAN_FOR_VALUES)

    async def keep_plans(self) -> None:
        """Have PostgreSQL plan each further statement of this transaction once for all values, as at the start of a write."""
        await self._plan(KEEP_PLANS)

    async def _plan(self, how: str) -> None:
        if self.engine == "postgresql":
            await self.rows(f"SELECT {how}")

    def pool(self) -> Pool:
        """How many connections are in use and idle, and how many there may be."""
        return asyncpg_client.pool_of(self.connection) if self.engine == "postgresql" else sqlite_client.pool_of(self.connection)

    def writes_wait(self) -> bool:
        """Whether a write waits for the end of another one of this process, as on SQLite, where only one runs at a time."""
        return self.engine == "sqlite" and sqlite_client.writes_wait(self.connection)

    async def row(self, text: str, **values: Any) -> Row:
        """The only row of a statement that returns exactly one."""
        (row,) = await self.rows(text, **values)
        return row


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int = POOL_SIZE,
    synchronous: str = SQLITE_SYNCHRONOUS,
    observe: Observe = unobserved,
    table_sets: Sequence[TableSet] = (TABLES,),
) -> AsyncIterator[Database]:
    """Connect, and close everything at the end. Raises `DatabaseUnreachable` with what to check."""
    context = TortoiseContext()
    path = sqlite_path(url) if is_sqlite(url) else None
    async with context:
        await context.init(config=configuration(url, pool_size, synchronous, table_sets))
        set_global_context(context)  # the server's tasks do not inherit the context of the task that opened the database
        database = Database("sqlite" if path else "postgresql", path, context, observe=observe, table_sets=table_sets)
        try:
            if path:
                _open_once(path)
            await database.rows(ONE)
        except (*UNREACHABLE, sqlite3.Error, PostgresError, OperationalError, ValueError) as error:
            place = f"the file {path}" if path else "the PostgreSQL server"
            raise DatabaseUnreachable(f"Cannot open {place}: {error}. Check MUSTER_DATABASE_URL.") from error
        yield database


def _open_once(path: Path) -> None:
    # The asynchronous driver leaves a thread behind when it cannot open a file.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(FILE_FORMAT)
