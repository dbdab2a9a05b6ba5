"""Dry runs beside writers: they wait for each other's contacts and tags in one order, and a race that is lost is run again."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

import pytest
from asyncpg.exceptions import DeadlockDetectedError

from models.engine.database import Database
from resolvers.bulk.actions import Started, start_bulk_action
from resolvers.operation.context import Context
from resolvers.tagging.taggings import add_tags
from tests.support.bulk_account import ids_of, new_owner
from tests.support.clock import DrivenClock
from tests.support.held_writes import connected, until_waiting
from tests.support.services import running_services

DEADLINE = 30.0
NEW = {"tags": {"add": [{"name": "New"}], "create_missing": True}}
LOCK = "SELECT id FROM contacts WHERE source = $1 FOR NO KEY UPDATE"
CREATE = """
    INSERT INTO tags (account_id, name, name_folded, created_at, updated_at) VALUES ($1, 'New', 'new', 0, 0)
    ON CONFLICT (account_id, name_folded) DO NOTHING
"""


@pytest.mark.only("postgresql")
async def test_a_dry_run_that_loses_a_race_is_run_again_and_counts_nobody_twice(database: Database, url: str) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE), connected(url) as other:
        owner = await new_owner(services)
        target = {"contact_ids": await ids_of(owner)}
        preview = (await _crossed(other, owner, start_bulk_action(owner, target=target, change=NEW, dry_run=True))).preview
        assert preview
        assert (preview.total, preview.changed) == (5, 5)


async def _crossed(other: Any, owner: Context, crossing: Coroutine[Any, Any, Started]) -> Started:
    """What comes of it, when somebody has locked a contact that it wants, and then wants the tag that it has created.

    PostgreSQL ends the wait of who has waited for a second: that is the one who is crossed, unless the machine stands still.
    """
    await other.execute("SET deadlock_timeout = '10s'")
    with suppress(DeadlockDetectedError):
        async with other.transaction():
            await other.execute(LOCK, "c0")
            crossed = asyncio.create_task(crossing)
            await until_waiting(other, 1, crossed)
            await other.execute(CREATE, owner.caller.account_id)
    return await crossed


@pytest.mark.only("postgresql")
async def test_tags_are_created_before_contacts_are_locked(database: Database, url: str) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE), connected(url) as other:
        owner = await new_owner(services)
        async with other.transaction():
            await other.execute(CREATE, owner.caller.account_id)
            ids = await ids_of(owner)
            adding = asyncio.create_task(add_tags(owner, contact_ids=ids, tags=[{"name": "New"}], create_missing=True))
            await until_waiting(other, 1, adding)
            assert await other.fetch(f"{LOCK} NOWAIT", "c0")
        assert (await adding).changed == 5
