"""Watching bulk actions: however many watch however many, they are looked at together, and only while somebody watches."""

import asyncio
import logging
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from models import BulkAction
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.bulk.actions import progress, start_bulk_action
from resolvers.operation.context import Context
from resolvers.records.imports import import_contacts
from resolvers.tagging.tags import create_tag
from subscriptions.progress import LEAST_SECONDS

DEADLINE = 20.0
WATCHERS = 10
LOOKS = 3
TARGET = {"where": {"source": {"isEmpty": False}}}
CHANGE = {"tags": {"add": [{"name": "VIP"}]}}
COME_FURTHER = "UPDATE bulk_actions SET processed = processed + 1 WHERE id = :id"
END = "UPDATE bulk_actions SET state = 'COMPLETED', processed = total WHERE id = :id"


@pytest.fixture
async def owner(owner: Context) -> Context:
    """The owner of an account with something to work on, and nobody who does."""
    await create_tag(owner, name="VIP")
    await import_contacts(owner, rows=[{"fields": {"source": f"c{number}"}} for number in range(9)])
    return owner


async def started(owner: Context) -> BulkAction:
    action = (await start_bulk_action(owner, target=TARGET, change=CHANGE)).action
    assert action
    return action


def watch(owner: Context, action: BulkAction) -> AsyncIterator[BulkAction]:
    return progress(owner, to_global_id("BulkAction", action.pk))


def looks(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [message for message in caplog.messages if "bulk_actions" in message]


async def last_of(stream: AsyncIterator[BulkAction]) -> BulkAction:
    *_, last = [action async for action in stream]
    return last


async def test_one_look_serves_all_watchers_of_all_actions(owner: Context, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    actions = [await started(owner), await started(owner)]
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as watchers:
        streams = [watch(owner, action) for action in actions for _ in range(WATCHERS)]
        assert {(await anext(stream)).processed for stream in streams} == {0}
        ends = [watchers.create_task(last_of(stream)) for stream in streams]
        with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
            while len(looks(caplog)) < LOOKS:  # noqa: ASYNC110  # logging has no event for it
                await asyncio.sleep(0)
        assert all(str(action.pk) in look for look in looks(caplog) for action in actions)
        for action in actions:
            await database.rows(END, id=action.pk)
    assert {(end.result().state, end.result().processed) for end in ends} == {("COMPLETED", 9)}
    assert len(owner.services.hub.actions) == 0


async def test_a_watcher_is_told_the_latest_and_not_too_often(owner: Context, database: Database) -> None:
    action, told = await started(owner), list[tuple[float, int]]()
    async with asyncio.timeout(DEADLINE):
        async for seen in watch(owner, action):
            told.append((asyncio.get_running_loop().time(), seen.processed))
            await database.rows(END if len(told) == LOOKS else COME_FURTHER, id=action.pk)
    assert [processed for _, processed in told] == [0, 1, 2, 9]
    assert all(later - earlier >= LEAST_SECONDS * 0.99 for (earlier, _), (later, _) in pairwise(told))
