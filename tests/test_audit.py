"""Auditing and repairing, and changes too large to be announced one by one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from models import Group, GroupEvent, GroupMember
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.grouping.builds import build
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.grouping.watching import group_changes
from resolvers.maintenance.auditing import audit, repair
from resolvers.maintenance.clock import step
from resolvers.membership.clock import advance
from resolvers.membership.rebuilding.rebuild import LARGEST_EXACT_CHANGE
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, update_contact
from subscriptions.messages import GroupReset, Heartbeat, Message, ResetReason
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.contact_rows import INSERT_CONTACTS
from tests.support.services import running_services

DEADLINE = 60.0
AUDITS = 10
EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}
NOBODY = {"contacts": {"email": {"isEmpty": False}}}
PAST: dict[str, Any] = {"contacts": {"lastActivityAt": {"before": {"now": {}}}}}


async def group_with_members(context: Context) -> Group:
    group = await create_group(context, name="Everybody", criteria=EVERYBODY)
    for _ in range(3):
        await create_contact(context, fields={})
    return group


async def spoil_members(group: Group) -> None:
    member = await GroupMember.filter(set_id=group.members_id).first()
    assert member
    await member.delete()


async def spoil_log(group: Group) -> None:
    await GroupEvent.filter(group_id=group.id, position=2).delete()


async def spoil_count(group: Group) -> None:
    await Group.filter(id=group.id).update(member_count=7)


@pytest.mark.parametrize("spoil", [spoil_members, spoil_log, spoil_count])
async def test_what_is_broken_is_found_and_repaired(database: Database, spoil: Callable[[Group], Awaitable[None]]) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        group = await group_with_members(context)
        account_id = context.caller.account_id
        assert await audit(services, account_id) == []
        await spoil(group)
        found = await audit(services, account_id)
        assert found
        assert {difference.name for difference in found} == {"Everybody"}
        assert await repair(services, account_id) == []
        assert await GroupMember.filter(set_id=group.members_id).count() == 3


async def test_what_is_written_meanwhile_is_no_difference_and_breaks_nothing(database: Database) -> None:
    async with running_services(database, DrivenClock()) as here, running_services(database, DrivenClock()) as there:
        context = await new_account(here)
        group, account_id = await group_with_members(context), context.caller.account_id
        done = asyncio.Event()

        async def go_on_writing() -> None:
            writer, contact = Context(there, context.caller, context.scope), to_global_id("Contact", 1)
            while not done.is_set():
                await update_contact(writer, contact_id=contact, fields={"email": "somebody@example.com"})
                await update_contact(writer, contact_id=contact, fields={"email": None})
                await delete_group(writer, group_id=await new_group(writer), force=False)

        writing = asyncio.create_task(go_on_writing())
        try:
            async with asyncio.timeout(DEADLINE):
                assert [await audit(here, account_id) for _ in range(AUDITS)] == [[]] * AUDITS
                assert [await repair(here, account_id) for _ in range(AUDITS)] == [[]] * AUDITS
        finally:
            done.set()
            await writing
        assert (await Group.get(id=group.id)).epoch == group.epoch


async def new_group(context: Context) -> str:
    return to_global_id("Group", (await create_group(context, name="Comes and goes", criteria=EVERYBODY)).id)


async def test_records_that_a_broken_off_step_has_left_behind_are_no_difference(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        context = await new_account(services)
        account_id = context.caller.account_id
        written, waiting = [await create_contact(context, fields={"last_activity_at": NOON + timedelta(minutes=1)}) for _ in range(2)]
        group = await create_group(context, name="Past", criteria=PAST)
        clock.pass_(minutes=5)
        await advance(database, clock())  # and no further: the process is gone
        await update_contact(context, contact_id=to_global_id("Contact", written.id), fields={"first_name": "Ann"})
        await update_contact(
            context, contact_id=to_global_id("Contact", written.id), fields={"last_activity_at": NOON + timedelta(minutes=2)}
        )
        assert await GroupMember.filter(set_id=group.members_id).values_list("record_id", flat=True) == [written.id]
        assert await audit(services, account_id) == []
        await step(services)
        assert await GroupMember.filter(set_id=group.members_id, record_id=waiting.id).exists()
        assert await audit(services, account_id) == []


async def told(context: Context, group: Group) -> AsyncIterator[Message]:
    async for message in group_changes(context, to_global_id("Group", group.id), None):
        yield message


@pytest.mark.parametrize("evaluated_at_once", [0, 2 * LARGEST_EXACT_CHANGE])
async def test_an_edit_that_moves_too_many_begins_a_new_epoch(database: Database, evaluated_at_once: int) -> None:
    async with running_services(database, DrivenClock(), evaluated_at_once=evaluated_at_once) as services:
        context = await new_account(services)
        count = LARGEST_EXACT_CHANGE + 1
        await database.rows(INSERT_CONTACTS[database.engine], account=context.caller.account_id, count=count)
        group = await create_group(context, name="Nobody yet", criteria=NOBODY)
        await build(services)
        messages = told(context, group)
        async with asyncio.timeout(DEADLINE):
            assert isinstance(await anext(messages), Heartbeat)
            await update_group(context, group_id=to_global_id("Group", group.id), changes={"criteria": EVERYBODY})
            await build(services)
            while isinstance(message := await anext(messages), Heartbeat):
                pass
        assert isinstance(message, GroupReset)
        assert (message.reason, message.member_count) == (ResetReason.GROUP_REBUILT, count)
        edited = await Group.get(id=group.id)
        assert (edited.member_count, edited.version) == (count, 0)
        assert await audit(services, context.caller.account_id) == []
