"""A watcher as a client author would write one, and a writer in another process."""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from models import Group, GroupMember
from models.ids import from_global_id, to_global_id
from resolvers.grouping.groups import update_group
from resolvers.grouping.watching import cursor, group_changes
from resolvers.membership.journal.retention import prune
from resolvers.membership.rebuilding.rebuild import new_epoch
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, delete_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from subscriptions.messages import DefinitionChanged, GroupReset, Heartbeat, MembersChanged, Message
from subscriptions.wakeups.immediate_push import PushingStream, PushOutcome
from subscriptions.wakeups.wakeup import Wakeable
from tests.support.clock import DrivenClock

DEADLINE = 20.0
TAGGED: dict[str, Any] = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
UNTAGGED: dict[str, Any] = {"contacts": {"tags": {"isEmpty": True}}}


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
        """Apply messages until cancelled. A reset means reading anew."""
        if self.cursor is None:
            await self.read()
        stream = group_changes(self.context, self.group_id, self.cursor)
        assert isinstance(stream, PushingStream)
        stream.push = self.push
        async for message in stream:
            await self.apply(message)

    def push(self, message: Message, again: Wakeable) -> PushOutcome:
        """Take some messages at once, some when asked again, and leave others to be iterated."""
        outcome: PushOutcome = self.chance.choice([*PushOutcome])
        if outcome is PushOutcome.LATER:
            asyncio.get_running_loop().call_later(self.chance.random() / 50, again.wake)
        elif outcome is PushOutcome.SENT:
            if not isinstance(message, MembersChanged):
                return PushOutcome.IMPOSSIBLE
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
