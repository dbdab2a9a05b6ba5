"""The law of the stream: a client that reads cursor and members, and applies every message after it, holds exactly the table.

It holds through disconnects, lost, doubled and late hints, slow reading, pruning of the log and new epochs.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Role
from models.engine.database import Database
from models.errors import Forbidden, NotFound
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.grouping.watching import cursor, group_changes
from resolvers.membership.journal.retention import prune
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact
from resolvers.tagging.tags import create_tag
from subscriptions.bus import Receive
from subscriptions.log import PAGE
from subscriptions.messages import GroupReset, Heartbeat, MembersChanged, Message, ResetReason
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.services import running_services
from tests.support.stream_world import DEADLINE, STEPS, TAGGED, UNTAGGED, Client, World, members_of


class UnreliableBus:
    """Hands on some hints, twice, late, out of order, and loses the others."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._receivers: list[Receive] = []

    def publish(self, group_ids: Iterable[int]) -> None:
        for group_id in group_ids:
            for receive in self._receivers:
                for _ in range(self._random.choice([0, 0, 1, 2])):
                    asyncio.get_running_loop().call_later(self._random.random() / 50, receive, [group_id])

    @asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        self._receivers.append(receive)
        yield


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=25), seed=st.integers(0, 2**16))
async def test_a_client_that_applies_every_message_holds_the_table(
    database: Database, steps: list[tuple[str, list[int]]], seed: int
) -> None:
    clock, bus = DrivenClock(), UnreliableBus(seed)
    async with running_services(database, clock, bus=bus) as here, running_services(database, clock, bus=bus) as there:
        writer = await new_account(here)
        await create_tag(writer, name="Client")
        contacts = [to_global_id("Contact", (await create_contact(writer, fields={})).id) for _ in range(3)]
        group = await create_group(writer, name="Clients", criteria=TAGGED)
        client = Client(Context(there, writer.caller, writer.scope), to_global_id("Group", group.id), chance=random.Random(seed))
        world = World(writer, client, contacts, clock, asyncio.create_task(client.watch()), [TAGGED, UNTAGGED])
        for name, numbers in steps:
            await world.step(name, numbers)
        await world.until_current()
        await world.hang_up()
        assert client.members == await members_of(group)


async def first(context: Context, group_id: str, after: str | None = None) -> Message:
    async with asyncio.timeout(DEADLINE):
        async for message in group_changes(context, group_id, after):
            return message
    raise AssertionError("the stream ended")


async def test_a_stream_without_a_cursor_begins_with_where_it_stands(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        group = await create_group(context, name="Everybody", criteria=UNTAGGED)
        message = await first(context, to_global_id("Group", group.id))
        assert message == Heartbeat(cursor(group), 0, 0)


async def test_a_cursor_older_than_the_log_is_answered_with_a_reset(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        context = await new_account(services)
        group = await create_group(context, name="Everybody", criteria=UNTAGGED)
        for _ in range(3):
            await create_contact(context, fields={})
        await prune(database, before=clock.now - timedelta(days=1), keep=1)
        message = await first(context, to_global_id("Group", group.id), cursor(group))
        assert isinstance(message, GroupReset)
        assert (message.reason, message.member_count) == (ResetReason.CURSOR_EXPIRED, 3)


async def test_replay_that_the_pruning_overtakes_is_cut_short_by_a_reset(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        context = await new_account(services)
        group = await create_group(context, name="Everybody", criteria=UNTAGGED)
        for _ in range(PAGE + 6):
            await create_contact(context, fields={})
        stream = aiter(group_changes(context, to_global_id("Group", group.id), cursor(group)))
        told = [await anext(stream)]
        await prune(database, before=clock.now + timedelta(days=1), keep=1)
        while not isinstance(told[-1], GroupReset):
            told.append(await asyncio.wait_for(anext(stream), DEADLINE))
        *replayed, reset = told
        assert [message.to_version for message in replayed if isinstance(message, MembersChanged)] == [*range(1, PAGE + 1)]
        assert isinstance(reset, GroupReset)
        assert (reset.reason, reset.member_count) == (ResetReason.CURSOR_EXPIRED, PAGE + 6)


async def test_a_group_that_the_caller_may_not_view_does_not_exist_for_them(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        other = await new_user(services, context.caller.account_id, Role.ADMIN)
        group = await create_group(context, name="Mine", criteria=UNTAGGED, permission={"view": {"only_owner": True}})
        with pytest.raises(NotFound):
            await first(other, to_global_id("Group", group.id))


async def test_a_permission_that_is_withdrawn_ends_the_stream(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        other = await new_user(services, context.caller.account_id, Role.VIEWER)
        group = await create_group(context, name="Ours", criteria=UNTAGGED)
        stream = aiter(group_changes(other, to_global_id("Group", group.id), None))
        assert isinstance(await anext(stream), Heartbeat)
        await update_group(context, group_id=to_global_id("Group", group.id), changes={"permission": {"view": {"only_owner": True}}})
        with pytest.raises(Forbidden):
            await asyncio.wait_for(exhaust(stream), DEADLINE)


async def exhaust(stream: AsyncIterator[Message]) -> list[Message]:
    return [message async for message in stream]


async def test_a_deleted_group_tells_its_watchers_and_ends(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        group = await create_group(context, name="Short-lived", criteria=UNTAGGED)
        stream = aiter(group_changes(context, to_global_id("Group", group.id), None))
        assert isinstance(await anext(stream), Heartbeat)
        await delete_group(context, group_id=to_global_id("Group", group.id), force=False)
        told = await asyncio.wait_for(exhaust(stream), DEADLINE)
        assert isinstance(told[-1], GroupReset)
        assert told[-1].group_id is None
