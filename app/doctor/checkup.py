"""Runs all checks, in the order in which they depend on each other."""

from app.doctor.deployment import examine_clock, examine_schema, examine_skew
from app.doctor.finding import Finding, Level, failed, passed
from app.doctor.network import examine_bus, examine_port
from app.doctor.postgresql import examine_postgresql
from app.doctor.provider import examine_provider
from app.doctor.sqlite import examine_sqlite
from app.settings import Settings
from models.engine.configuration import sqlite_path
from models.engine.database import Database, open_database
from models.errors import Unavailable

CONNECTIONS = 2


async def examine(settings: Settings) -> list[Finding]:
    """Run all checks. A check is left out if something that it needs has failed."""
    well = passed("settings", "Every setting has a usable value.")
    return [well, *await _database(settings), *await examine_provider(settings), await examine_port(settings)]


async def _database(settings: Settings) -> list[Finding]:
    # Opening a SQLite database would create the file.
    if settings.database_url.startswith("sqlite:") and not sqlite_path(settings.database_url).exists():
        return [failed("database", f"There is no file {sqlite_path(settings.database_url)}. Create it with `muster migrate`.")]
    try:
        async with open_database(settings.database_url, pool_size=CONNECTIONS) as database:
            return [passed("database", "It can be opened."), *await _inside(database, settings)]
    except Unavailable as error:
        return [failed("database", error.message)]


async def _inside(database: Database, settings: Settings) -> list[Finding]:
    schema = await examine_schema(database)
    found = [schema]
    if database.path:
        found += await examine_sqlite(database, database.path)
    else:
        found += [*await examine_postgresql(database, settings), await examine_skew(database)]
    if schema.level is Level.OK:
        found += [*await examine_clock(database, settings), await examine_bus(database, settings)]
    return found
