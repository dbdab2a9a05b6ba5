"""The open database: connecting, transactions, and statements that run unchanged on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import orjson
from asyncpg.exceptions import InterfaceError, InternalClientError, OperatorInterventionError, PostgresConnectionError, PostgresError
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.context import TortoiseContext
from tortoise.exceptions import DBConnectionError, OperationalError

from models.engine.asyncpg_client import CONNECT_SECONDS, ImpatientClient, PostgresqlDatabaseClient, transaction_of, watch_over
from models.engine.refused_writes import refused_writes_named
from models.engine.sqlite_client import Bound, answer_at_once, run_in_turn, snapshot_of
from models.engine.statement import Engine, asked_together, prepare
from models.errors import DatabaseUnreachable, Unavailable

Row = dict[str, Any]
Rows = list[Row]
Observe = Callable[[str], AbstractContextManager[object]]
"""Called with the name of a piece of work; the work is done inside the context that it returns."""

CONNECTION = "default"
APP = "models"
MODULES = ["models.people", "models.records", "models.groups", "models.bulk", "models.audit"]
OLDEST_SQLITE = (3, 35)
SQLITE_BUSY_MILLISECONDS = 10_000
SQLITE_CACHE_KIBIBYTES = 16_384  # the default of two megabytes is less than the pages of a few hundred scattered contacts
SQLITE_CHECKPOINT_PAGES = 8_192  # 32 megabytes: by default every chunk of a bulk action would wait for the disk
SQLITE_JOURNAL_BYTES = 2**26  # the ORM's 16 kB would have the file cut and grown again by every larger write
SQLITE_SYNCHRONOUS = "normal"  # the disk is not waited for at each commit: a power failure may undo the last ones, each as a whole
PLAN_FOR_VALUES = "set_config('plan_cache_mode', 'force_custom_plan', true)"
KEEP_PLANS = "set_config('plan_cache_mode', 'force_generic_plan', true)"
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
ANSWER_SECONDS = 5.0  # in which a database that is there answers a look at a few rows; promises to watchers are no tighter
UNREACHABLE = (OSError, InterfaceError, InternalClientError, PostgresConnectionError, OperatorInterventionError, DBConnectionError)


def unobserved(_work: str) -> AbstractContextManager[object]:
    """For those who do not want to know how long anything takes."""
    return nullcontext()


class TableSet(NamedTuple):
    """Models with the migrations that create their tables, which the database records under the name of the set."""

    name: str
    modules: Sequence[str]
    migrations: str


TABLES = TableSet(APP, MODULES, "models.migrations")


class Pool(NamedTuple):
    """The connections of a pool: in use, open and idle, and how many there may be."""

    used: int
    idle: int
    most: int


@dataclass(frozen=True, slots=True)
class Database:
    """A handle on the open database; inside `transaction()` every call runs in that transaction."""

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
        """Commit what happens inside, or none of it; a nested one is a savepoint.

        `first` is a statement without parameters and without an answer, which on PostgreSQL begins with the transaction.
        """
        with refused_writes_named(), self.observe("transaction"):
            async with transaction_of(self.connection, first) if self.engine == "postgresql" else self.connection._in_transaction():
                yield

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[None]:
        """Have all that is read inside answered as of one moment; nothing may be written, nor this be nested."""
        with self.observe("transaction"):
            async with transaction_of(self.connection, SNAPSHOT) if self.engine == "postgresql" else snapshot_of(self.connection):
                yield

    @contextmanager
    def impatiently(self, seconds: float) -> Iterator[None]:
        """Raise `TimeoutError` for a statement inside that is not answered in time; the next one then has a new connection.

        Not for transactions, nor in one. Waiting for one's turn does not count, and on SQLite, whose file cannot vanish as
        a server can, there is nothing else to wait for.
        """
        client = self.connection
        if not isinstance(client, PostgresqlDatabaseClient):
            yield
            return
        token = self.context.connections.set(CONNECTION, ImpatientClient(client, seconds))
        try:
            yield
        finally:
            self.context.connections.reset(token)

    async def rows(self, text: str, **values: Any) -> Rows:
        """Run a statement of `models.engine.statement`'s dialect and return its rows."""
        statement = prepare(text, self.engine)
        with refused_writes_named():
            return await self.connection.execute_query_dict(statement.sql, statement.bind(values))

    async def run(self, *texts: str, **values: Any) -> list[Rows]:
        """Run statements one after the other, with values that they share, and return the rows of each.

        On SQLite, where the way to a statement costs more than the statement, they go it together.
        """
        if self.engine == "sqlite":
            with refused_writes_named():
                return await run_in_turn(self.connection, self._bound(texts, values))
        return [await self.rows(text, **values) for text in texts]

    async def answers(self, *texts: str, **values: Any) -> list[Rows]:
        """The rows of statements that only read, or lock, asked in one round trip and answered from one snapshot."""
        if len(texts) <= 1:
            return await self.run(*texts, **values)
        if self.engine == "sqlite":
            return await answer_at_once(self.connection, self._bound(texts, values))
        return [orjson.loads(answer) for answer in (await self.row(asked_together(texts), **values)).values()]

    def _bound(self, texts: Iterable[str], values: Mapping[str, Any]) -> list[Bound]:
        return [(each.sql, each.bind(values)) for each in (prepare(text, self.engine) for text in texts)]

    async def plan_for_values(self) -> None:
        """Have what follows in this transaction planned for its values, as criteria need it; writes begin with plans that are kept."""
        await self._plan(PLAN_FOR_VALUES)

    async def keep_plans(self) -> None:
        """Have what follows in this transaction planned once for all values, as writes are from their beginning."""
        await self._plan(KEEP_PLANS)

    async def _plan(self, how: str) -> None:
        if self.engine == "postgresql":
            await self.rows(f"SELECT {how}")

    def pool(self) -> Pool:
        """How the pool stands; SQLite has one connection, which all take turns with."""
        pool = getattr(self.connection, "_pool", None)
        if pool is None:
            return Pool(0, 1, 1)
        idle, size = pool.get_idle_size(), pool.get_size()
        return Pool(size - idle, idle, pool.get_max_size())

    async def row(self, text: str, **values: Any) -> Row:
        """The only row of a statement that returns exactly one."""
        (row,) = await self.rows(text, **values)
        return row


def _sqlite_credentials(url: str, synchronous: str) -> dict[str, Any]:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old; Muster needs 3.35 or newer.")
    return {
        "file_path": str(sqlite_path(url)),
        "journal_mode": "WAL",
        "synchronous": synchronous,
        "busy_timeout": SQLITE_BUSY_MILLISECONDS,
        "foreign_keys": "ON",
        "cache_size": -SQLITE_CACHE_KIBIBYTES,
        "journal_size_limit": SQLITE_JOURNAL_BYTES,
        "wal_autocheckpoint": SQLITE_CHECKPOINT_PAGES,
    }


async def _leave_as_is(_connection: object) -> None:
    """Spare every use of a pooled connection a round trip: nothing changes a session beyond its transaction."""


def _postgresql_credentials(url: str, pool_size: int) -> dict[str, Any]:
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "host": options.get("host") or parts.hostname or "127.0.0.1",
        "port": int(options.get("port") or parts.port or 5432),
        "user": unquote(parts.username or "postgres"),
        "password": unquote(parts.password) if parts.password else None,
        "database": unquote(parts.path.lstrip("/")) or "postgres",
        "minsize": 1,
        "maxsize": pool_size,
        "application_name": "muster",
        "reset": _leave_as_is,
        "init": watch_over,
        "timeout": CONNECT_SECONDS,
        # A plan that is kept for all values is a poor one for a rare tag, and the server cannot tell which it gets.
        "server_settings": {"plan_cache_mode": "force_custom_plan"},
    }


def connection_arguments(url: str) -> dict[str, Any]:
    """How a PostgreSQL connection outside the pool reaches the same database."""
    credentials = _postgresql_credentials(url, 1)
    return {name: credentials[name] for name in ("host", "port", "user", "password", "database")}


def sqlite_path(url: str) -> Path:
    """The file that `sqlite:///relative.db` or `sqlite:////absolute.db` names."""
    return Path(unquote(url.removeprefix("sqlite:///")))


def configuration(
    url: str, pool_size: int = 10, synchronous: str = SQLITE_SYNCHRONOUS, table_sets: Sequence[TableSet] = (TABLES,)
) -> dict[str, Any]:
    """What Tortoise needs to know for this URL."""
    if url.startswith("sqlite:///"):
        connection = {"engine": "models.engine.sqlite_client", "credentials": _sqlite_credentials(url, synchronous)}
    elif url.startswith("postgresql://"):
        connection = {"engine": "models.engine.asyncpg_client", "credentials": _postgresql_credentials(url, pool_size)}
    else:
        raise Unavailable("The database URL must begin with sqlite:/// or postgresql://.")
    apps = {each.name: {"models": [*each.modules], "default_connection": CONNECTION, "migrations": each.migrations} for each in table_sets}
    return {"connections": {CONNECTION: connection}, "apps": apps}


@asynccontextmanager
async def open_database(
    url: str,
    *,
    pool_size: int = 10,
    synchronous: str = SQLITE_SYNCHRONOUS,
    observe: Observe = unobserved,
    table_sets: Sequence[TableSet] = (TABLES,),
) -> AsyncIterator[Database]:
    """Connect, and close everything at the end; raises `DatabaseUnreachable` with what to check."""
    context = TortoiseContext()
    path = sqlite_path(url) if url.startswith("sqlite:") else None
    async with context:
        await context.init(config=configuration(url, pool_size, synchronous, table_sets), _enable_global_fallback=True)
        database = Database("sqlite" if path else "postgresql", path, context, observe=observe, table_sets=table_sets)
        try:
            if path:
                _open_once(path)
            await database.rows("SELECT 1 AS one")
        except (*UNREACHABLE, sqlite3.Error, PostgresError, OperationalError) as error:
            place = f"the file {path}" if path else "the PostgreSQL server"
            raise DatabaseUnreachable(f"Cannot open {place}: {error}. Check MUSTER_DATABASE_URL.") from error
        yield database


def _open_once(path: Path) -> None:
    # The asynchronous driver leaves a thread behind when it cannot open a file, so that is found out without it.
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA schema_version")
