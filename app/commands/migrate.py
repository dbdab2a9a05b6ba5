"""The command `muster migrate`."""

import asyncio

from app.commands.runner import configured
from app.commands.terminal import note
from app.settings import Settings
from models.engine.configuration import sqlite_path
from models.engine.database import open_database
from models.engine.migrate import migrate as apply_migrations


def migrate() -> None:
    """Create or upgrade the tables of the database.

    A SQLite file is created if it does not exist.
    """
    settings = configured()
    if settings.database_url.startswith("sqlite:"):
        sqlite_path(settings.database_url).parent.mkdir(parents=True, exist_ok=True)
    applied = asyncio.run(_migrate(settings))
    note(f"Applied {', '.join(applied)}." if applied else "The database is up to date.")


async def _migrate(settings: Settings) -> list[str]:
    async with open_database(settings.database_url) as database:
        return await apply_migrations(database)
