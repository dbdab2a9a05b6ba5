"""The database's own shape."""

from models.database import Database
from models.migrate import applied_migrations, known_migrations, require_current_schema


async def test_a_migrated_database_knows_every_migration(database: Database) -> None:
    await require_current_schema(database)
    assert await applied_migrations(database) == known_migrations()
