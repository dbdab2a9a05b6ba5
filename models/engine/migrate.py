"""Bringing a database to this program's schema, and refusing to serve one that is older or newer."""

import pkgutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tortoise.migrations.executor import MigrationExecutor

from models import migrations
from models.engine.database import APP, CONNECTION, Database
from models.engine.locks import in_turn
from models.errors import SchemaOutdated, SchemaTooNew

MIGRATION_LOCK = 7_267_001
LEDGER_EXISTS = {
    "sqlite": "SELECT 1 AS found FROM sqlite_master WHERE name = 'tortoise_migrations'",
    "postgresql": "SELECT 1 AS found WHERE to_regclass('tortoise_migrations') IS NOT NULL",
}


def known_migrations() -> list[str]:
    """The names of this program's migrations, oldest first."""
    return sorted(module.name for module in pkgutil.iter_modules(migrations.__path__))


async def applied_migrations(database: Database) -> list[str]:
    """The names of the migrations that the database has seen, oldest first."""
    if not await database.rows(LEDGER_EXISTS[database.engine]):
        return []
    return [row["name"] for row in await database.rows("SELECT name FROM tortoise_migrations ORDER BY name")]


async def migrate(database: Database) -> list[str]:
    """Apply what is missing and return its names; safe to run from several machines at once."""
    async with _alone(database):
        applied = await applied_migrations(database)
        _refuse_newer(applied)
        executor = MigrationExecutor(
            database.context.connections.get(CONNECTION), {APP: {"default_connection": CONNECTION, "migrations": migrations.__name__}}
        )
        # The executor reads the ledger before it makes one, which would break off a transaction on PostgreSQL.
        await executor.recorder.ensure_schema(executor._schema_editor(atomic=False))
        await executor.migrate(direction="forward")
    return [name for name in known_migrations() if name not in applied]


async def require_current_schema(database: Database) -> None:
    """Raise `SchemaOutdated` or `SchemaTooNew` unless the database has exactly this program's schema."""
    applied = await applied_migrations(database)
    _refuse_newer(applied)
    missing = [name for name in known_migrations() if name not in applied]
    if missing:
        raise SchemaOutdated(f"The database lacks {len(missing)} migration(s), first {missing[0]}. Run `muster migrate`.")


def _refuse_newer(applied: list[str]) -> None:
    unknown = [name for name in applied if name not in known_migrations()]
    if unknown:
        raise SchemaTooNew(f"The database was migrated by a newer Muster ({unknown[-1]}). Run that version or a later one.")


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    if database.path:
        async with in_turn(database.path):
            yield
        return
    async with database.transaction():
        await database.rows("SELECT pg_advisory_xact_lock(:key)", key=MIGRATION_LOCK)
        yield
