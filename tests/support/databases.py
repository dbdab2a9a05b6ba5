"""New databases for tests: copies of migrated templates, and on PostgreSQL also databases of earlier tests that were emptied."""

import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from app.composition import PRODUCT, Composition
from models.engine.database import open_database
from models.engine.migrate import migrate
from tests.support.held_writes import connected

WITHOUT_THE_DISK = (
    "ALTER SYSTEM SET fsync = off",
    "ALTER SYSTEM SET full_page_writes = off",
    "ALTER SYSTEM SET autovacuum = off",  # it would look through the databases of all tests
    "SELECT pg_reload_conf()",
)
"""What is committed outlives every process all the same, and a database is made and dropped several times as fast."""

LEDGER = "tortoise_migrations"  # the only table with rows in a migrated database
SMALL_BYTES = 10 * 8192  # PostgreSQL plans for at least so much in a table that was never analyzed
ALONE = """
    SELECT coalesce(bool_and(pg_terminate_backend(pid, 10000)), true) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
STATE = f"""
    WITH own AS (SELECT * FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    SELECT
        (SELECT max(pg_relation_size(oid)) FROM own WHERE relkind = 'r') AS largest,
        concat_ws(
            '|',
            (SELECT string_agg(concat(relname, relkind, relhastriggers, reltuples, reloptions), ',' ORDER BY relname) FROM own),
            (SELECT string_agg(concat(relname, attname, atttypid, attnotnull, atthasdef, attisdropped), ',' ORDER BY relname, attnum)
             FROM pg_attribute JOIN own ON own.oid = attrelid AND attnum > 0),
            (SELECT string_agg(concat(conname, convalidated), ',' ORDER BY conname, own.relname)
             FROM pg_constraint JOIN own ON own.oid = conrelid),
            (SELECT string_agg(concat(relname, indisvalid), ',' ORDER BY relname) FROM pg_index JOIN own ON own.oid = indexrelid),
            (SELECT string_agg(concat(relname, tgenabled), ',' ORDER BY relname, tgconstraint::regclass::text, tgfoid, tgenabled)
             FROM pg_trigger JOIN own ON own.oid = tgrelid),
            (SELECT string_agg(concat(app, name), ',' ORDER BY id) FROM {LEDGER}),
            (SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace),
            (SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg_%'),
            (SELECT count(*) FROM pg_statistic JOIN own ON own.oid = starelid),
            (SELECT string_agg(concat(setrole, setconfig), ',')
             FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase WHERE datname = current_database())
        ) AS shape
"""
EMPTY = f"""
    DO $$
    DECLARE each text;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR each IN SELECT oid::regclass FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> '{LEDGER}' AND pg_relation_size(oid) > 0
        LOOP
            EXECUTE format('DELETE FROM %s', each);
        END LOOP;
        PERFORM setval(oid::regclass, 1, false) FROM pg_class
            WHERE relnamespace = 'public'::regnamespace AND relkind = 'S' AND relname NOT LIKE '{LEDGER}%';
    END $$
"""


Prepare = Callable[[str], Awaitable[None]]
"""Fills a database, whose URL it is given."""


class Databases(Protocol):
    """Makes databases for tests. `directory` is the test's own."""

    def migrated(self, directory: Path, composition: Composition = PRODUCT) -> AbstractAsyncContextManager[str]:
        """The URL of a database with the tables of a composition, all of them empty."""
        ...

    def prepared(self, directory: Path, name: str, prepare: Prepare) -> AbstractAsyncContextManager[str]:
        """The URL of a database as `prepare` leaves one without tables. It is called once for all tests that ask for this name."""
        ...

    def without_tables(self, directory: Path) -> AbstractAsyncContextManager[str]:
        """The URL of a database without any tables."""
        ...


def _tables(composition: Composition) -> str:
    """A name for the tables of a composition."""
    return "_".join(each.name for each in composition.table_sets)


def _migrating(composition: Composition) -> Prepare:
    async def prepare(url: str) -> None:
        async with open_database(url, table_sets=composition.table_sets) as database:
            await migrate(database)

    return prepare


class SqliteDatabases:
    """Copies files."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates

    def migrated(self, directory: Path, composition: Composition = PRODUCT) -> AbstractAsyncContextManager[str]:
        """The URL of a new file with the tables of a composition."""
        return self.prepared(directory, _tables(composition), _migrating(composition))

    @asynccontextmanager
    async def prepared(self, directory: Path, name: str, prepare: Prepare) -> AsyncIterator[str]:
        """The URL of a copy of the file that was prepared."""
        template, path = self._templates / f"{name}.db", directory / "muster.db"
        if not template.exists():
            await prepare(f"sqlite:///{template}")
        shutil.copy(template, path)
        yield f"sqlite:///{path}"

    @asynccontextmanager
    async def without_tables(self, directory: Path) -> AsyncIterator[str]:
        """The URL of a file that does not exist yet."""
        yield f"sqlite:///{directory}/empty.db"


class PostgresqlDatabases:
    """Copies databases on a server, or takes one that an earlier test has left unless that test changed more than a few rows."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._shapes: dict[str, str] = {}  # of the templates, by name
        self._idle: defaultdict[str, list[str]] = defaultdict(list)

    @asynccontextmanager
    async def migrated(self, directory: Path, composition: Composition = PRODUCT) -> AsyncIterator[str]:
        """The URL of a database with the tables of a composition."""
        template = await self._template(_tables(composition), _migrating(composition))
        idle = self._idle[template]
        name = idle.pop() if idle else await self._copy(template)
        yield self.url(name)
        if await self._emptied(name, self._shapes[template]):
            idle.append(name)
        else:
            await self._drop(name)

    @asynccontextmanager
    async def prepared(self, directory: Path, name: str, prepare: Prepare) -> AsyncIterator[str]:
        """The URL of a copy of the database that was prepared."""
        copy = await self._copy(await self._template(name, prepare))
        yield self.url(copy)
        await self._drop(copy)

    @asynccontextmanager
    async def without_tables(self, directory: Path) -> AsyncIterator[str]:
        """The URL of a database that nothing was done to yet."""
        name = await self._copy("template0")
        yield self.url(name)
        await self._drop(name)

    def url(self, name: str) -> str:
        """The URL of a database on this server."""
        head, _, options = self._server.partition("?")
        return f"{head.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")

    async def _template(self, name: str, prepare: Prepare) -> str:
        template = f"muster_template_{name}"
        if template not in self._shapes:
            await execute(self._server, f"CREATE DATABASE {template}")
            await prepare(self.url(template))
            async with connected(self.url(template)) as connection:
                self._shapes[template] = (await connection.fetchrow(STATE))["shape"]
        return template

    async def _copy(self, template: str) -> str:
        """Copying files takes a third of the time that copying their pages through the log does."""
        name = f"muster_{uuid4().hex}"
        await execute(self._server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    async def _drop(self, name: str) -> None:
        await execute(self._server, f"DROP DATABASE {name} WITH (FORCE)")

    async def _emptied(self, name: str, shape: str) -> bool:
        """Whether the database can be used again: nothing but rows was changed in it, and what is left of those takes little room."""
        async with connected(self.url(name)) as connection:
            if not await connection.fetchval(ALONE):
                return False
            state = await connection.fetchrow(STATE)
            if state["largest"] > SMALL_BYTES or state["shape"] != shape:
                return False
            await connection.execute(EMPTY)
            return True


async def execute(url: str, *statements: str) -> None:
    """Run statements on a PostgreSQL database, each in a transaction of its own."""
    async with connected(url) as connection:
        for statement in statements:
            await connection.execute(statement)
