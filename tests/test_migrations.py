"""Migrations: a database that was migrated with data in it is the same as one that is made today."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from models import AccessToken, Group, GroupMember, SearchTerm, migrations
from models.engine.database import Database, open_database
from models.engine.migrate import applied_migrations, known_migrations, migrate, require_current_schema
from models.errors import SchemaOutdated, SchemaTooNew
from models.people import EVERY_SCOPE, scopes_read
from tests.support.releases import migrate_to

LEDGER = "tortoise_migrations"
SHAPES = {
    "sqlite": (
        """SELECT m.name AS "table", c.name AS name, c.type AS type, c."notnull" AS required FROM sqlite_master AS m
           JOIN pragma_table_info(m.name) AS c WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%'""",
        """SELECT m.name AS "table", i."unique" AS single, group_concat(c.name) AS columns FROM sqlite_master AS m
           JOIN pragma_index_list(m.name) AS i JOIN pragma_index_info(i.name) AS c
           WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' GROUP BY m.name, i.name, i."unique" """,
        """SELECT m.name AS "table", f."from" AS name, f."table" AS target, f.on_delete AS effect FROM sqlite_master AS m
           JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'""",
    ),
    "postgresql": (
        """SELECT table_name AS "table", column_name AS name, data_type AS type, is_nullable AS required, collation_name
           FROM information_schema.columns WHERE table_schema = 'public'""",
        """SELECT tablename AS "table", regexp_replace(indexdef, 'INDEX \\S+ ON', 'INDEX ON') AS definition
           FROM pg_indexes WHERE schemaname = 'public'""",
        """SELECT conrelid::regclass::text AS "table", pg_get_constraintdef(oid) AS definition
           FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype = 'f'""",
    ),
}

# What a database of the first migration may hold, as far as a later one moves it.
FIRST_ROWS = (
    "INSERT INTO accounts (id, name, timezone, definitions_version, created_at, updated_at) VALUES (1, 'First', 'UTC', 1, 0, 0)",
    """INSERT INTO groups (id, account_id, name, name_folded, record_type, criteria, "view", edit, state, epoch, position, version,
       definition_version, member_count, created_at, updated_at)
       VALUES (7, 1, 'All', 'all', 'CONTACT', '{"contacts": {"email": {"isEmpty": false}}}', '|everyone|', '|everyone|', 'READY',
       '0123456789abcdef', 1, 1, 1, 1, 0, 0)""",
    "INSERT INTO group_members (account_id, group_id, record_id, joined_at) VALUES (1, 7, 1, 0)",
    """INSERT INTO users (id, account_id, name, email, email_folded, role, created_at, updated_at)
       VALUES (1, 1, 'Ann', 'ann@example.com', 'ann@example.com', 'OWNER', 0, 0)""",
    "INSERT INTO access_tokens (account_id, user_id, name, hash, created_at) VALUES (1, 1, 'First', 'abc', 0)",
)

FIRST_CONTACTS = (
    "INSERT INTO contacts (id, account_id, created_at, updated_at) VALUES (1, 1, 0, 0), (2, 1, 0, 0)",
    """INSERT INTO search_terms (account_id, contact_id, term) VALUES (1, 1, 'ann@example.com'), (1, 1, 'ann'), (1, 1, 'example.com'),
       (1, 1, 'example'), (1, 1, 'an'), (1, 1, 'anä'), (1, 1, 'anäx'), (1, 2, 'ann'), (1, 2, 'an_')""",
)


async def shape(database: Database) -> set[tuple[Any, ...]]:
    """Columns, indexes and foreign keys, by what they are and not by what they are called."""
    rows = [row for statement in SHAPES[database.engine] for row in await database.connection.execute_query_dict(statement)]
    return {tuple(str(value) for value in row.values()) for row in rows if row["table"] != LEDGER}


async def test_a_migrated_database_has_the_shape_of_a_new_one(database: Database, empty_url: str) -> None:
    migrated = await shape(database)
    await database.context.close_connections()
    async with open_database(empty_url) as fresh:
        await fresh.context.generate_schemas()
        assert await shape(fresh) == migrated
    assert len(migrated) > 200


async def test_rows_written_after_the_first_migration_survive_the_others(empty_url: str) -> None:
    async with open_database(empty_url) as database:
        await migrate_to(database, known_migrations()[0])
        for statement in FIRST_ROWS:
            await database.rows(statement)
        before = await _counts(database)
        await migrate(database)
        assert {table: count for table, count in (await _counts(database)).items() if table in before} == before
        group = await Group.get(name="All")
        assert await GroupMember.filter(set_id=group.members_id).values("record_id") == [{"record_id": 1}]
        assert scopes_read((await AccessToken.get(name="First")).scopes) == EVERY_SCOPE


async def test_search_terms_with_which_others_begin_are_gone_after_migrating(empty_url: str) -> None:
    async with open_database(empty_url) as database:
        await migrate_to(database, known_migrations()[0])
        for statement in (FIRST_ROWS[0], *FIRST_CONTACTS):
            await database.rows(statement)
        await migrate(database)
        found = await SearchTerm.all().order_by("id").values_list("contact_id", "term")
        assert found == [(1, "ann@example.com"), (1, "example.com"), (1, "anäx"), (2, "ann"), (2, "an_")]


async def _counts(database: Database) -> dict[str, int]:
    tables = {row[0] for row in await shape(database)}
    return {table: (await database.row(f'SELECT count(*) AS n FROM "{table}"'))["n"] for table in tables}


async def test_migrating_twice_at_once_applies_everything_once(empty_url: str) -> None:
    async with open_database(empty_url) as database:
        results = await asyncio.gather(migrate(database), migrate(database))
        assert await applied_migrations(database) == known_migrations()
        assert sorted(map(len, results))[-1] == len(known_migrations())


async def test_an_empty_database_is_refused_with_what_to_do(empty_url: str) -> None:
    async with open_database(empty_url) as database:
        with pytest.raises(SchemaOutdated, match="muster migrate"):
            await require_current_schema(database)


async def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    await require_current_schema(database)
    await database.rows(f"INSERT INTO {LEDGER} (app, name, applied_at) VALUES ('models', '9999_later', CURRENT_TIMESTAMP)")
    with pytest.raises(SchemaTooNew, match="9999_later"):
        await require_current_schema(database)


def test_migrations_are_numbered_without_a_gap() -> None:
    numbers = [int(name.split("_")[0]) for name in known_migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(Path(migrations.__path__[0], f"{name}.py").exists() for name in known_migrations())
