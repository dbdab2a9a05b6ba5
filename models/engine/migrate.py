"""Migrating a database to this program's schema, and refusing to serve one whose schema is older or newer."""

import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module

from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.schema_editor.asyncpg import AsyncpgSchemaEditor
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor

from models.engine.configuration import CONNECTION, TABLES, TableSet
from models.engine.database import Database
from models.engine.locks import in_turn
from models.errors import SchemaOutdated, SchemaTooNew

MIGRATION_LOCK = 7_267_001
LOCK = "SELECT pg_advisory_xact_lock(:key)"
WITHOUT_TIMEOUTS = "SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"  # another machine may migrate for long
APPLIED = "SELECT name FROM tortoise_migrations WHERE app = :app ORDER BY name"
LEDGER_EXISTS = {
    "sqlite": "SELECT 1 AS found FROM sqlite_master WHERE name = 'tortoise_migrations'",
    "postgresql": "SELECT 1 AS found WHERE to_regclass('tortoise_migrations') IS NOT NULL",
}
SCHEMA_EDITORS = {"sqlite": SqliteSchemaEditor, "postgresql": AsyncpgSchemaEditor}


def known_migrations(table_set: TableSet = TABLES) -> list[str]:
    """The names of this program's migrations of a set of tables, oldest first."""
    return sorted(module.name for module in pkgutil.iter_modules(import_module(table_set.migrations).__path__))


async def applied_migrations(database: Database, table_set: TableSet = TABLES) -> list[str]:
    """The names of the migrations of a set of tables that were applied to the database, oldest first."""
    if not await database.rows(LEDGER_EXISTS[database.engine]):
        return []
    return [row["name"] for row in await database.rows(APPLIED, app=table_set.name)]


async def migrate(database: Database) -> list[str]:
    """Apply the missing migrations and return their names. Several machines may do so at once."""
    async with _alone(database):
        missing = await _missing(database)
        apps = {each.name: {"default_connection": CONNECTION, "migrations": each.migrations} for each in database.table_sets}
        executor = MigrationExecutor(database.context.connections.get(CONNECTION), apps)
        # The executor reads the ledger before it creates it, and that error would end the transaction on PostgreSQL.
        await executor.recorder.ensure_schema(SCHEMA_EDITORS[database.engine](executor.connection, atomic=False))
        await executor.migrate(direction="forward")
    return missing


async def require_current_schema(database: Database) -> None:
    """Raise `SchemaOutdated` or `SchemaTooNew` unless the database has exactly this program's schema."""
    missing = await _missing(database)
    if missing:
        raise SchemaOutdated(f"The database lacks {len(missing)} migration(s), first {missing[0]}. Run `muster migrate`.")


async def _missing(database: Database) -> list[str]:
    """The migrations that the database lacks. Raises `SchemaTooNew` if one was applied that this program does not know."""
    missing: list[str] = []
    for table_set in database.table_sets:
        known, applied = known_migrations(table_set), await applied_migrations(database, table_set)
        if unknown := [name for name in applied if name not in known]:
            raise SchemaTooNew(f"The database was migrated by a newer Muster ({unknown[-1]}). Run that version or a later one.")
        missing += [name for name in known if name not in applied]
    return missing


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    if database.path:
        async with in_turn(database.path):
            yield
        return
    async with database.transaction(WITHOUT_TIMEOUTS):
        await database.rows(LOCK, key=MIGRATION_LOCK)
        yield
