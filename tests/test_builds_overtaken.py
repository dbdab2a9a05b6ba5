"""What happens to a definition while its membership is being made: a tag is merged, a group deleted, a record on the list goes."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from models import AuditAction, AuditEntry, ChangeCause, Contact, EventKind, Group, GroupEvent, GroupMember
from models.engine.database import Database
from models.errors import NotFound
from models.ids import to_global_id
from resolvers.grouping.builds import build
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.membership.change import Change
from resolvers.membership.journal.retention import prune
from resolvers.membership.rebuilding.builds import read_builds
from resolvers.membership.rebuilding.rebuild import LARGEST_EXACT_CHANGE
from resolvers.membership.rebuilding.scan import scan_next
from resolvers.membership.rebuilding.swap import MembershipDifference, find_difference, swap_in
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags
from resolvers.tagging.tags import create_tag, merge_tags
from resolvers.write import write
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.contact_rows import INSERT_CONTACTS
from tests.support.held_writes import connected, until_waiting
from tests.support.services import running_services

DEADLINE = 60.0
CLIENTS: dict[str, Any] = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
CANADIANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}
EVERYBODY: dict[str, Any] = {"contacts": {"country": {"notEquals": ["Nowhere"]}}}


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Context]:
    """The owner of an account that counts as large."""
    async with running_services(database, DrivenClock(), evaluated_at_once=0) as services:
        yield await new_account(services)


async def built(context: Context, criteria: dict[str, Any], name: str = "Group") -> Group:
    group = await create_group(context, name=name, criteria=criteria)
    await build(context.services)
    return await Group.get(id=group.id)


async def edit(context: Context, group: Group, criteria: dict[str, Any]) -> None:
    await update_group(context, group_id=to_global_id("Group", group.id), changes={"criteria": criteria})


async def differences(context: Context) -> list[Any]:
    return list(await verify(context.services.database, context.services.definitions, context.caller.account_id))


@pytest.mark.only("postgresql")
async def test_a_tag_that_is_merged_while_a_group_is_built_is_not_named_by_it_afterwards(owner: Context, url: str) -> None:
    old, new = await create_tag(owner, name="Client"), await create_tag(owner, name="Customer")
    tagged = to_global_id("Contact", (await create_contact(owner, fields={"country": "Canada"})).id)
    other = to_global_id("Contact", (await create_contact(owner, fields={})).id)
    await add_tags(owner, contact_ids=[tagged], tags=[{"name": "Client"}])
    group = await built(owner, CANADIANS)
    await edit(owner, group, CLIENTS)
    async with asyncio.timeout(DEADLINE), connected(url) as connection:
        async with connection.transaction():
            await connection.execute("SELECT id FROM contacts FOR UPDATE")  # so that the building waits, which has read the criteria
            building = asyncio.create_task(build(owner.services))
            await until_waiting(connection, 1, building)
            merging = asyncio.create_task(merge_tags(owner, source_id=to_global_id("Tag", old.id), target_id=to_global_id("Tag", new.id)))
            await until_waiting(connection, 2, merging)
        await asyncio.gather(building, merging)
    await build(owner.services)
    ready = await Group.get(id=group.id)
    assert ready.criteria == {"contacts": {"tags": {"containsAny": [{"id": to_global_id("Tag", new.id)}]}}}
    await add_tags(owner, contact_ids=[other], tags=[{"name": "Customer"}])
    assert await GroupMember.filter(set_id=ready.members_id).count() == await Contact.all().count()
    assert await differences(owner) == []


async def test_a_group_that_is_deleted_while_its_successor_is_made_leaves_no_other_number_in_criteria(owner: Context) -> None:
    await create_contact(owner, fields={"country": "Canada"})
    inner = await built(owner, CANADIANS, "Inner")
    outer = await built(owner, {"contacts": {"not": {"group": {"memberOfAny": [to_global_id("Group", inner.id)]}}}}, "Outer")
    await edit(owner, inner, EVERYBODY)
    await delete_group(owner, group_id=to_global_id("Group", inner.id), force=True)
    await build(owner.services)
    assert (await Group.get(id=outer.id)).criteria == outer.criteria
    assert not await GroupEvent.filter(group_id=outer.id, kind=EventKind.DEFINITION).exists()
    assert await differences(owner) == []


@pytest.mark.only("postgresql")
async def test_a_group_is_deleted_once(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    deletions = [delete_group(owner, group_id=to_global_id("Group", group.id), force=False) for _ in range(2)]
    async with asyncio.timeout(DEADLINE):
        outcomes = await asyncio.gather(*deletions, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {str, NotFound}
    assert await AuditEntry.filter(action=AuditAction.GROUP_DELETED).count() == 1


async def scan(change: Change, ids: list[int], context: Context) -> bool:
    return await scan_next(change, await context.services.definitions.current(change.database, change.account_id), ids)


async def put_in_force(change: Change, context: Context, known: MembershipDifference) -> bool:
    (making,) = await read_builds(context.services.database, context.caller.account_id)
    return await swap_in(change, {making: known})


async def test_a_change_too_large_for_the_log_remains_so_when_a_record_on_its_list_goes(owner: Context) -> None:
    database = owner.services.database
    count = LARGEST_EXACT_CHANGE + 2
    await database.rows(INSERT_CONTACTS[database.engine], account=owner.caller.account_id, count=count)
    group = await built(owner, CANADIANS)
    await edit(owner, group, EVERYBODY)
    (making,) = await read_builds(database, owner.caller.account_id)
    while await write(owner, ChangeCause.GROUP_EDITED, partial(scan, ids=[making.id], context=owner)):
        pass
    known = await find_difference(database, owner.caller.account_id, making)
    assert known
    await delete_contact(owner, to_global_id("Contact", min(known.joined)))
    assert await write(owner, ChangeCause.GROUP_EDITED, partial(put_in_force, context=owner, known=known), redefines=True)
    ready = await Group.get(id=group.id)
    assert (ready.member_count, ready.version) == (count - 1, 0)
    assert ready.epoch != group.epoch
    assert await differences(owner) == []


@pytest.mark.parametrize(("before", "keep"), [(timedelta(0), 1), (timedelta(hours=1), 1_000)], ids=["too many", "too old"])
async def test_a_build_begins_anew_when_entries_that_it_needs_have_been_pruned(owner: Context, before: timedelta, keep: int) -> None:
    database, clock = owner.services.database, owner.services.wall_clock
    contacts = [to_global_id("Contact", (await create_contact(owner, fields={"country": "Canada"})).id) for _ in range(3)]
    group = await built(owner, CANADIANS)
    await edit(owner, group, EVERYBODY)
    (making,) = await read_builds(database, owner.caller.account_id)
    while await write(owner, ChangeCause.GROUP_EDITED, partial(scan, ids=[making.id], context=owner)):
        pass
    known = await find_difference(database, owner.caller.account_id, making)
    assert known
    for contact in contacts:
        await update_contact(owner, contact_id=contact, fields={"country": "Nowhere"})
    await prune(database, before=clock() + before, keep=keep)
    assert not await write(owner, ChangeCause.GROUP_EDITED, partial(put_in_force, context=owner, known=known), redefines=True)
    await build(owner.services)
    ready = await Group.get(id=group.id)
    assert (ready.criteria, ready.member_count) == (EVERYBODY, 0)
    assert await differences(owner) == []
