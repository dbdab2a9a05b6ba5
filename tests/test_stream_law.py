"""The law of the stream: whoever reads members and cursor and applies every message after it holds exactly the table,
through disconnects, lost, doubled and late hints, slow reading, pruning of the log and new epochs."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Group, GroupMember, Role
from models.engine.database import Database
from models.errors import Forbidden, NotFound
from models.ids import from_global_id, to_global_id
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.grouping.watching import cursor, group_changes
from resolvers.membership.journal.retention import prune
from resolvers.membership.rebuilding.rebuild import new_epoch
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, delete_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag
from subscriptions.bus import Receive
from subscriptions.log import PAGE
from subscriptions.messages import DefinitionChanged, GroupReset, Heartbeat, MembersChanged, Message, ResetReason
from subscriptions.wakeups.immediate_push import ImmediatePush, Outcome
from subscriptions.wakeups.wakeup import Wakeable
from tests.effort import examples
from tests.support import DrivenClock, new_account, new_user, running_services

DEADLINE = 20.0
TAGGED: dict[str, Any] = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
UNTAGGED: dict[str, Any] = {"contacts": {"tags": {"isEmpty": True}}}


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


@dataclass
class Client:
    """A watcher as a client author would write one."""

    context: Context
    group_id: str
    members: set[int] = field(default_factory=set)
    version: int = -1
    cursor: str | None = None
    chance: random.Random = field(default_factory=random.Random)

    async def read(self) -> None:
        """Read cursor first, then members."""
        group = await self.context.scope.groups.get(id=self.group_number)
        members = await members_of(group)
        self.cursor, self.version, self.members = cursor(group), group.version, members

    @property
    def group_number(self) -> int:
        return from_global_id(self.group_id)[1]

    async def watch(self) -> None:
        """Apply messages until cancelled; a reset means reading anew."""
        if self.cursor is None:
            await self.read()
        stream = group_changes(self.context, self.group_id, self.cursor)
        assert isinstance(stream, ImmediatePush)
        stream.tell = self.tell
        async for message in stream:
            await self.apply(message)

    def tell(self, message: Message, again: Wakeable) -> Outcome:
        """Take some messages at once, some when asked again, and leave others to be iterated."""
        outcome: Outcome = self.chance.choice([*Outcome])
        if outcome is Outcome.LATER:
            asyncio.get_running_loop().call_later(self.chance.random() / 50, again.wake)
        elif outcome is Outcome.TOLD:
            if not isinstance(message, MembersChanged):
                return Outcome.IMPOSSIBLE
            self.fold(message)
            self.cursor = message.cursor
        return outcome

    def fold(self, message: MembersChanged) -> None:
        assert message.from_version == self.version or message.to_version <= self.version, "a gap"
        self.members |= set(message.joined_ids)
        self.members -= set(message.left_ids)
        self.version = message.to_version

    async def apply(self, message: Message) -> None:
        match message:
            case MembersChanged():
                self.fold(message)
            case GroupReset():
                await self.read()
            case Heartbeat():
                assert message.version == self.version
            case DefinitionChanged():
                pass
        self.cursor = message.cursor


async def members_of(group: Group) -> set[int]:
    return {row["record_id"] for row in await GroupMember.filter(set_id=group.members_id).values("record_id")}


STEPS: st.SearchStrategy[tuple[str, list[int]]] = st.one_of(
    st.tuples(st.sampled_from(["tag", "untag"]), st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)),
    st.tuples(st.sampled_from(["create", "delete", "prune", "epoch", "edit", "disconnect", "breathe"]), st.just([])),
)


@dataclass
class World:
    """A writer in one process, a client in another."""

    writer: Context
    client: Client
    contacts: list[str]
    clock: DrivenClock
    task: "asyncio.Task[None]"
    criteria: list[dict[str, Any]]

    async def step(self, name: str, numbers: list[int]) -> None:
        ids = [self.contacts[n % len(self.contacts)] for n in numbers]
        await getattr(self, name)(ids)

    async def tag(self, ids: list[str]) -> None:
        await add_tags(self.writer, contact_ids=ids, tags=[{"name": "Client"}])

    async def untag(self, ids: list[str]) -> None:
        await remove_tags(self.writer, contact_ids=ids, tags=[{"name": "Client"}])

    async def create(self, _: list[str]) -> None:
        contact = await create_contact(self.writer, fields={}, tags=[{"name": "Client"}])
        self.contacts.append(to_global_id("Contact", contact.id))

    async def delete(self, _: list[str]) -> None:
        if len(self.contacts) > 1:
            await delete_contact(self.writer, self.contacts.pop())

    async def prune(self, _: list[str]) -> None:
        await prune(self.writer.services.database, before=self.clock.now - timedelta(days=1), keep=1)

    async def epoch(self, _: list[str]) -> None:
        group = await self.writer.scope.groups.get(id=self.client.group_number)
        await self.writer.scope.all_groups.filter(id=group.id).update(epoch=new_epoch(), position=0, version=0)

    async def edit(self, _: list[str]) -> None:
        self.criteria.reverse()
        await update_group(self.writer, group_id=self.client.group_id, changes={"criteria": self.criteria[0]})

    async def breathe(self, _: list[str]) -> None:
        await asyncio.sleep(0)

    async def disconnect(self, _: list[str]) -> None:
        await self.hang_up()
        self.task = asyncio.create_task(self.client.watch())

    async def hang_up(self) -> None:
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task

    async def until_current(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while True:
                group = await self.writer.scope.groups.get(id=self.client.group_number)
                if self.client.cursor == cursor(group):
                    return
                assert not self.task.done(), self.task.exception()
                await asyncio.sleep(0)


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
