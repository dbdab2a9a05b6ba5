"""The hub of a process at its bounds: however many groups are looked at, and however many entries came since the last look."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, aclosing

import pytest

from models import Group
from models.engine.database import Database
from resolvers.operation.context import Context
from resolvers.tagging.taggings import add_tags, remove_tags
from subscriptions.bus import LocalBus
from subscriptions.cursor import Cursor
from subscriptions.groups import MOST_AT_ONCE
from subscriptions.hub import Hub
from subscriptions.log import PAGE, WITH_HEAD
from subscriptions.messages import MembersChanged
from subscriptions.ring import RING, RING_IDS
from subscriptions.stream import Stream
from subscriptions.viewer import Viewer
from subscriptions.wakeups.wakeup import Wakeup
from tests.support.tagged_groups import people, tagged_groups

DEADLINE = 30.0
HOUR = 3600.0
CLIENT = [{"name": "Client"}]
LARGEST = 500  # ids of one message


@pytest.fixture
async def elsewhere(database: Database) -> AsyncIterator[Hub]:
    """The hub of another process, which nobody tells anything."""
    hub = Hub(database, LocalBus(), compare_seconds=HOUR)
    async with hub.running():
        yield hub


async def toggle(context: Context, contact: str, times: int) -> None:
    """Let a contact gain and lose its tag in turn."""
    for number in range(times):
        await (remove_tags if number % 2 else add_tags)(context, contact_ids=[contact], tags=CLIENT)


def stream_of(hub: Hub, context: Context, group: Group) -> Stream:
    """All that follows after the row was read."""
    viewer = Viewer(context.caller.account_id, context.caller.people)
    return Stream(hub.groups, viewer, group.id, Cursor(group.id, group.epoch, group.position), HOUR)


async def until_told(stream: Stream, ids: int) -> None:
    """Follow until so many ids were told, each version once and in order."""
    version: int | None = None
    async with aclosing(aiter(stream)) as messages:
        while ids > 0:
            message = await anext(messages)
            assert isinstance(message, MembersChanged)
            assert version in (None, message.from_version)
            version = message.to_version
            ids -= len(message.joined_ids) + len(message.left_ids)
    assert ids == 0


@pytest.mark.parametrize("count", [1, WITH_HEAD, WITH_HEAD + 1, PAGE + WITH_HEAD + 1, RING, RING + 1])
async def test_whatever_came_since_the_last_look_is_told_in_order(context: Context, elsewhere: Hub, count: int) -> None:
    contact, *_ = await people(context, 1)
    (group,) = await tagged_groups(context, "Client", 1)
    with elsewhere.groups.watching(group.id, Wakeup()) as channel:
        await elsewhere.groups.refresh(channel)  # it knows where the log ends, as a watcher of long standing would have made it
        await toggle(context, contact, count)
        elsewhere.hint([group.id])
        told: list[MembersChanged] = []
        async with asyncio.timeout(DEADLINE):
            async for message in stream_of(elsewhere, context, group):
                assert isinstance(message, MembersChanged)
                told.append(message)
                if len(told) == count:
                    break
        assert [message.from_version for message in told] == list(range(group.version, group.version + count))
        assert [bool(message.joined_ids) for message in told] == [number % 2 == 0 for number in range(count)]
        assert channel.head
        assert channel.head.version == group.version + count
        assert len(channel.ring) == (count if count <= RING else 0)


async def test_one_look_reaches_every_watched_group(context: Context, elsewhere: Hub) -> None:
    contact, *_ = await people(context, 1)
    groups = await tagged_groups(context, "Client", MOST_AT_ONCE + 3)
    with ExitStack() as watched:
        channels = [watched.enter_context(elsewhere.groups.watching(group.id, Wakeup())) for group in groups]
        await elsewhere.groups.refresh(*channels)
        await toggle(context, contact, 1)
        async with asyncio.timeout(DEADLINE):
            await elsewhere.groups.refresh(*channels)
        assert {channel.head.member_count if channel.head else 0 for channel in channels} == {1}
        assert {len(channel.ring) for channel in channels} == {1}


async def test_a_group_keeps_no_more_ids_than_it_may_and_who_needs_more_reads_the_log(context: Context, elsewhere: Hub) -> None:
    (group,) = await tagged_groups(context, "Client", 1)
    contacts = await people(context, 1_000)
    with elsewhere.groups.watching(group.id, Wakeup()) as channel:
        await elsewhere.groups.refresh(channel)
        async with asyncio.timeout(DEADLINE):
            for number in range(RING_IDS // len(contacts) + 1):
                await (remove_tags if number % 2 else add_tags)(context, contact_ids=contacts, tags=CLIENT)
                await elsewhere.groups.refresh(channel)
            assert (channel.ring.ids, len(channel.ring)) == (RING_IDS, RING_IDS // LARGEST)
            await until_told(stream_of(elsewhere, context, group), RING_IDS + len(contacts))


async def test_where_all_only_count_no_entries_are_kept(context: Context, elsewhere: Hub) -> None:
    contact, *_ = await people(context, 1)
    (group,) = await tagged_groups(context, "Client", 1)
    with elsewhere.groups.watching(group.id, Wakeup(), entries=False) as channel:
        async with asyncio.timeout(DEADLINE):
            await elsewhere.groups.refresh(channel)
            await toggle(context, contact, 3)
            await elsewhere.groups.refresh(channel)
            assert channel.head
            assert (channel.head.member_count, len(channel.ring)) == (1, 0)
            with elsewhere.groups.watching(group.id, Wakeup()):
                await toggle(context, contact, 2)
                await elsewhere.groups.refresh(channel)
                assert len(channel.ring) == 1  # it has the tag already
                await until_told(stream_of(elsewhere, context, group), 4)
            assert len(channel.ring) == 0
            await toggle(context, contact, 2)
            await elsewhere.groups.refresh(channel)
            assert len(channel.ring) == 0
