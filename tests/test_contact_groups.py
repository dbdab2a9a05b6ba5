"""Watching the groups of a contact: the present ones at once, then every join and leave, as far as the watcher may know."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from models import Contact, Role
from models.engine.database import Database
from models.errors import BadInput, NotFound
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.grouping.watching import contact_group_changes, group_left_or_joined
from resolvers.membership.journal.retention import prune
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, delete_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag
from subscriptions.messages import ContactGroupChange
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.services import running_services

DEADLINE = 20.0
EVERYBODY: dict[str, Any] = {"contacts": {"not": {"tags": {"containsAny": [{"name": "Nobody"}]}}}}
CLIENTS: dict[str, Any] = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}


async def new_group(context: Context, criteria: dict[str, Any], **permission: object) -> str:
    group = await create_group(context, name="Group", criteria=criteria, permission=permission or None)
    return to_global_id("Group", group.id)


async def account_with_tags(services: Any) -> Context:
    context = await new_account(services)
    for name in ("Client", "Nobody"):
        await create_tag(context, name=name)
    return context


def id_of(contact: Contact) -> str:
    return to_global_id("Contact", contact.id)


async def tag(context: Context, contact: Contact) -> None:
    await add_tags(context, contact_ids=[id_of(contact)], tags=[{"name": "Client"}])


async def untag(context: Context, contact: Contact) -> None:
    await remove_tags(context, contact_ids=[id_of(contact)], tags=[{"name": "Client"}])


def watch(context: Context, contact: Contact) -> AsyncIterator[ContactGroupChange]:
    return contact_group_changes(context, id_of(contact))


def facts(change: ContactGroupChange) -> tuple[str, bool]:
    return to_global_id("Group", change.group_id), change.joined


async def test_the_present_groups_come_first_and_then_each_change_with_its_time(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as services, asyncio.timeout(DEADLINE):
        context = await account_with_tags(services)
        everybody, clients = await new_group(context, EVERYBODY), await new_group(context, CLIENTS)
        contact = await create_contact(context, fields={})
        created_at = clock.now
        clock.pass_(hours=1)
        changes = watch(context, contact)
        first = await anext(changes)
        assert (facts(first), first.occurred_at) == ((everybody, True), created_at)
        await tag(context, contact)
        joined = await anext(changes)
        assert (facts(joined), joined.occurred_at) == ((clients, True), clock.now)
        left_at = clock.now + timedelta(hours=1)
        clock.pass_(hours=1)
        await untag(context, contact)
        clock.pass_(hours=1)
        left = await anext(changes)
        assert (facts(left), left.occurred_at) == ((clients, False), left_at)


async def test_a_leave_that_the_log_no_longer_tells_of_is_told_as_of_now(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as services, asyncio.timeout(DEADLINE):
        context = await account_with_tags(services)
        await new_group(context, CLIENTS)
        contact = await create_contact(context, fields={}, tags=[{"name": "Client"}])
        changes = watch(context, contact)
        await anext(changes)
        async with database.transaction():  # so that no look comes between
            await untag(context, contact)
            await prune(database, before=clock.now + timedelta(days=1), keep=1)
        clock.pass_(hours=5)
        assert (await anext(changes)).occurred_at == clock.now


async def test_a_burst_of_changes_is_told_as_joins_and_leaves_in_turn(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await account_with_tags(services)
        clients = await new_group(context, CLIENTS)
        contact = await create_contact(context, fields={})
        await tag(context, contact)
        changes = watch(context, contact)
        told = [await anext(changes)]

        async def listen() -> None:
            told.extend([change async for change in changes])

        listening = asyncio.create_task(listen())
        for _ in range(5):
            await untag(context, contact)
            await tag(context, contact)
        await delete_contact(context, id_of(contact))
        await listening
        assert [facts(change) for change in told] == [(clients, n % 2 == 0) for n in range(len(told))]


async def _collect(changes: AsyncIterator[ContactGroupChange], count: int) -> list[ContactGroupChange]:
    return [await anext(changes) for _ in range(count)]


async def test_groups_that_the_watcher_may_not_view_are_not_mentioned(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await account_with_tags(services)
        hidden = await new_group(context, EVERYBODY, view={"only_owner": True})
        clients = await new_group(context, CLIENTS)
        contact = await create_contact(context, fields={})
        other = await new_user(services, context.caller.account_id, Role.ADMIN)
        changes = watch(other, contact)
        await tag(context, contact)
        assert facts(await anext(changes)) == (clients, True)
        await update_group(context, group_id=hidden, changes={"permission": {"view": {"everyone": True}}})
        assert facts(await anext(changes)) == (hidden, True)
        await update_group(context, group_id=clients, changes={"permission": {"view": {"only_owner": True}}})
        await update_group(context, group_id=hidden, changes={"criteria": CLIENTS})
        await untag(context, contact)
        assert facts(await anext(changes)) == (hidden, False)


async def test_a_deleted_group_is_left_and_shown_as_it_was(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await account_with_tags(services)
        group = await new_group(context, EVERYBODY)
        contact = await create_contact(context, fields={})
        changes = watch(context, contact)
        await anext(changes)
        await delete_group(context, group_id=group, force=False)
        left = await anext(changes)
        assert facts(left) == (group, False)
        assert (await group_left_or_joined(context, left)).name == "Group"


async def test_a_deleted_contact_leaves_its_groups_and_ends_the_stream(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await account_with_tags(services)
        groups = {await new_group(context, EVERYBODY), await new_group(context, EVERYBODY)}
        contact = await create_contact(context, fields={})
        changes = watch(context, contact)
        assert {facts(change) for change in await _collect(changes, 2)} == {(group, True) for group in groups}
        await delete_contact(context, id_of(contact))
        assert {facts(change) async for change in changes} == {(group, False) for group in groups}


async def test_a_contact_that_the_account_does_not_have_cannot_be_watched(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context, other = await account_with_tags(services), await new_account(services)
        contact = await create_contact(context, fields={})
        with pytest.raises(NotFound):
            await anext(watch(other, contact))
        with pytest.raises(BadInput):
            contact_group_changes(context, "nothing")
