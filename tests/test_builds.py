"""Groups of large accounts are defined and edited while writers go on: nobody sees a membership half made, and nothing is lost."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest

from models import ChangeCause, Contact, Group, GroupMember, GroupState, RetiredSet
from models.engine.database import Database
from models.errors import Conflict, Refused
from models.ids import to_global_id
from resolvers.grouping.builds import build
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.grouping.watching import cursor, group_changes
from resolvers.maintenance.clock import step
from resolvers.membership.change import Change
from resolvers.membership.journal.retention import sweep
from resolvers.membership.rebuilding.builds import plan_builds, read_builds
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag, delete_tag, merge_tags
from resolvers.write import NEXT_VERSION, SET_VERSION, write
from subscriptions.messages import DefinitionChanged, MembersChanged, Message
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.held_writes import overtake
from tests.support.services import running_services

DEADLINE = 60.0
CONTACTS = 12
CLIENTS: dict[str, Any] = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
CANADIANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}
MEXICANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Mexico"]}}}
OTHERS: dict[str, Any] = {"contacts": {"country": {"notEquals": ["Canada"]}}}


def in_group(group: Group) -> dict[str, Any]:
    return {"contacts": {"group": {"memberOfAny": [to_global_id("Group", group.id)]}}}


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Context]:
    """The owner of an account that counts as large, with contacts of two countries."""
    async with running_services(database, DrivenClock(), evaluated_at_once=0) as services:
        context = await new_account(services)
        await create_tag(context, name="Client")
        for number in range(CONTACTS):
            await create_contact(context, fields={"country": ("Canada", "Mexico")[number % 2], "first_name": f"N{number}"})
        yield context


async def members(group: Group) -> set[int]:
    found = await Group.get(id=group.id)
    return set(await GroupMember.filter(set_id=found.members_id).values_list("record_id", flat=True))  # type: ignore[arg-type]  # one column


async def differences(context: Context) -> list[Any]:
    return list(await verify(context.services.database, context.services.definitions, context.caller.account_id))


async def from_country(country: str) -> set[int]:
    return {row["id"] for row in await Contact.filter(country=country).values("id")}


async def built(context: Context, criteria: dict[str, Any], name: str = "Group") -> Group:
    group = await create_group(context, name=name, criteria=criteria)
    await build(context.services)
    return await Group.get(id=group.id)


async def edit(context: Context, group: Group, criteria: dict[str, Any]) -> Group:
    return await update_group(context, group_id=to_global_id("Group", group.id), changes={"criteria": criteria})


async def told(context: Context, group: Group, after: str, count: int) -> list[Message]:
    stream = aiter(group_changes(context, to_global_id("Group", group.id), after))
    async with asyncio.timeout(DEADLINE):
        return [await anext(stream) for _ in range(count)]


async def test_a_new_group_is_empty_until_it_is_ready_and_then_whole(owner: Context) -> None:
    group = await create_group(owner, name="Canadians", criteria=CANADIANS)
    assert (group.state, group.member_count, await members(group)) == (GroupState.BUILDING, 0, set())
    await build(owner.services)
    ready = await Group.get(id=group.id)
    assert (ready.state, ready.member_count) == (GroupState.READY, CONTACTS // 2)
    assert await members(group) == await from_country("Canada")
    assert await differences(owner) == []
    (message,) = await told(owner, group, cursor(group), 1)
    assert isinstance(message, MembersChanged)
    assert {*message.joined_ids} == await members(group)


async def test_an_edit_is_in_force_at_once_with_all_its_joins_and_leaves(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    pending = await edit(owner, group, MEXICANS)
    assert (pending.state, pending.criteria) == (GroupState.BUILDING, group.criteria)
    assert await members(group) == await from_country("Canada")
    await build(owner.services)
    ready = await Group.get(id=group.id)
    assert (ready.state, ready.criteria, ready.member_count) == (GroupState.READY, MEXICANS, CONTACTS // 2)
    definition, change = await told(owner, group, cursor(group), 2)
    assert isinstance(definition, DefinitionChanged)
    assert isinstance(change, MembersChanged)
    assert ({*change.joined_ids}, {*change.left_ids}) == (await from_country("Mexico"), await from_country("Canada"))
    assert await differences(owner) == []


async def test_who_stays_a_member_stays_one_since_then(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    before = dict(await GroupMember.filter(set_id=group.members_id).values_list("record_id", "joined_at"))
    owner.services.wall_clock.pass_(days=1)  # type: ignore[attr-defined]  # the test's clock
    await edit(owner, group, {"contacts": {"country": {"equals": ["Canada", "Mexico"]}}})
    await build(owner.services)
    ready = await Group.get(id=group.id)
    after = dict(await GroupMember.filter(set_id=ready.members_id).values_list("record_id", "joined_at"))
    assert {record_id: after[record_id] for record_id in before} == before
    assert len(after) == CONTACTS


async def test_writers_of_both_memberships_are_followed_while_the_next_one_is_made(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    await edit(owner, group, OTHERS)
    first, second = [to_global_id("Contact", record_id) for record_id in sorted(await members(group))[:2]]
    await update_contact(owner, contact_id=first, fields={"country": "Mexico"})
    await delete_contact(owner, second)
    await create_contact(owner, fields={"country": "Canada"})
    assert await members(group) == await from_country("Canada")
    assert await differences(owner) == []
    await build(owner.services)
    assert await members(group) == await from_country("Mexico")
    assert await differences(owner) == []


async def test_groups_that_depend_on_an_edited_group_change_with_it(owner: Context) -> None:
    inner = await built(owner, CANADIANS, "Inner")
    outer = await built(owner, in_group(inner), "Outer")
    outermost = await built(owner, {"contacts": {"not": {"group": {"memberOfAny": [to_global_id("Group", outer.id)]}}}}, "Outermost")
    await edit(owner, inner, MEXICANS)
    assert await members(outer) == await from_country("Canada")
    await build(owner.services)
    assert await members(outer) == await from_country("Mexico")
    assert await members(outermost) == await from_country("Canada")
    assert (await Group.get(id=outer.id)).criteria == outer.criteria
    assert await differences(owner) == []


async def test_a_second_edit_takes_the_place_of_the_first_and_the_old_criteria_call_it_off(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    await edit(owner, group, MEXICANS)
    await edit(owner, group, OTHERS)
    assert len(await read_builds(owner.services.database, owner.caller.account_id)) == 1
    called_off = await edit(owner, group, CANADIANS)
    assert called_off.state is GroupState.READY
    assert await read_builds(owner.services.database, owner.caller.account_id) == []
    assert await members(group) == await from_country("Canada")
    assert await differences(owner) == []


async def test_two_edits_that_would_make_a_circle_once_they_are_in_force_are_refused(owner: Context) -> None:
    one, other = await built(owner, CANADIANS, "One"), await built(owner, MEXICANS, "Other")
    await edit(owner, one, in_group(other))
    with pytest.raises(Refused, match="depend on itself"):
        await edit(owner, other, in_group(one))


async def test_a_group_that_is_being_built_can_be_deleted_and_its_members_are_swept_away(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    await edit(owner, group, MEXICANS)
    await delete_group(owner, group_id=to_global_id("Group", group.id), force=False)
    await build(owner.services)
    await sweep(owner.services.database)
    assert [await GroupMember.all().count(), await RetiredSet.all().count(), await Group.all().count()] == [0, 0, 0]


async def test_what_a_coming_definition_uses_is_in_use(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    await edit(owner, group, CLIENTS)
    tag = to_global_id("Tag", (await owner.scope.tags.get(name="Client")).id)
    with pytest.raises(Refused, match="Group"):
        await delete_tag(owner, tag_id=tag)
    other = await create_tag(owner, name="Customer")
    await add_tags(owner, contact_ids=[to_global_id("Contact", 1)], tags=[{"name": "Client"}])
    await merge_tags(owner, source_id=tag, target_id=to_global_id("Tag", other.id))
    await build(owner.services)
    assert (await Group.get(id=group.id)).criteria == {"contacts": {"tags": {"containsAny": [{"id": to_global_id("Tag", other.id)}]}}}
    assert await members(group) == {1}
    assert await differences(owner) == []


async def test_nobody_can_see_a_membership_in_the_making(owner: Context) -> None:
    group = await built(owner, CANADIANS)
    await edit(owner, group, MEXICANS)
    (hidden,) = await read_builds(owner.services.database, owner.caller.account_id)
    assert [found.id for found in await owner.scope.groups] == [group.id]
    with pytest.raises(Refused):
        await create_group(owner, name="Spy", criteria=in_group(await Group.get(id=hidden.id)))


async def writers(context: Context, seed: int, done: asyncio.Event) -> None:
    chance = random.Random(seed)
    contacts = [to_global_id("Contact", number) for number in range(1, CONTACTS + 1)]
    while not done.is_set():
        with suppress(Conflict):  # the only thing that may happen: no contact is deleted
            contact = chance.choice(contacts)
            if chance.random() < 0.5:
                await update_contact(context, contact_id=contact, fields={"country": chance.choice(["Canada", "Mexico", None])})
            else:
                await chance.choice([add_tags, remove_tags])(context, contact_ids=[contact], tags=[{"name": "Client"}])


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_concurrent_writers_lose_nothing_while_groups_are_built(database: Database, seed: int) -> None:
    clock = DrivenClock()
    async with (
        running_services(database, clock, evaluated_at_once=0) as here,
        running_services(database, clock, evaluated_at_once=0) as there,
    ):
        context = await new_account(here)
        await create_tag(context, name="Client")
        for _ in range(CONTACTS):
            await create_contact(context, fields={"country": "Canada"})
        inner = await built(context, CANADIANS, "Inner")
        await built(context, in_group(inner), "Outer")
        done, callers = asyncio.Event(), [Context(services, context.caller, context.scope) for services in (here, there)]
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            for number in range(4):
                tasks.create_task(writers(callers[number % 2], 10 * seed + number, done))
            for number in range(8):
                await edit(callers[number % 2], inner, (CLIENTS, OTHERS, MEXICANS)[number % 3])
                if number % 3:
                    clock.pass_(seconds=1)
                    await step(here)
                    await build(here)
            await build(here)
            done.set()
        assert await differences(context) == []


async def begin(context: Context, group: Group, criteria: dict[str, Any]) -> None:
    await edit(context, group, criteria)


async def begin_without_the_fence(context: Context, group: Group, criteria: dict[str, Any]) -> None:
    """As it is done, but without waiting for writers that know only the old definition."""
    database, account_id = context.services.database, context.caller.account_id
    async with database.transaction():
        change = Change(database, account_id, None, ChangeCause.GROUP_EDITED, context.services.wall_clock())
        await plan_builds(change, await context.services.definitions.current(database, account_id), {group.id: criteria})
        version = (await database.row(NEXT_VERSION, account=account_id))["definitions_version"]
        await database.rows(SET_VERSION, account=account_id, version=version, ids=sorted(change.recompiled_groups))


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(("begin_to_build", "is_right"), [(begin, True), (begin_without_the_fence, False)])
async def test_a_writer_that_knows_only_the_old_definition_is_waited_for(
    owner: Context, url: str, begin_to_build: Callable[[Context, Group, dict[str, Any]], Coroutine[Any, Any, None]], is_right: bool
) -> None:
    group = await built(owner, CANADIANS)
    await built(owner, MEXICANS, "Mexicans")

    async def make() -> None:
        await begin_to_build(owner, group, OTHERS)
        await build(owner.services)

    # The new contact belongs to the next membership, and is not there yet when that is made.
    await overtake(url, create_contact(owner, fields={"country": "Mexico"}), make())
    await build(owner.services)
    assert (await differences(owner) == []) is is_right


async def scan(context: Context) -> None:
    await build(context.services)


ONE_STATEMENT = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT :account, :set_id, locked.id, 0 FROM (
        SELECT id FROM contacts WHERE account_id = :account AND id IN
        (SELECT contact_id FROM taggings JOIN tags ON tags.id = tag_id WHERE tags.name = 'Client') FOR NO KEY UPDATE
    ) AS locked
"""


async def scan_in_one_statement(context: Context) -> None:
    """Locks and judges in one statement, which sees nothing that was committed while it waited for a lock."""
    (found,) = await read_builds(context.services.database, context.caller.account_id)

    async def work(change: Change) -> None:
        await change.database.rows(ONE_STATEMENT, account=change.account_id, set_id=found.id)
        await change.database.rows("UPDATE groups SET scanned_to = 1000000 WHERE id = :id", id=found.id)

    await write(context, ChangeCause.GROUP_EDITED, work)


@pytest.mark.only("postgresql")
@pytest.mark.parametrize(("judge_all", "is_right"), [(scan, True), (scan_in_one_statement, False)])
async def test_records_are_judged_after_they_have_been_locked(
    owner: Context, url: str, judge_all: Callable[[Context], Coroutine[Any, Any, None]], is_right: bool
) -> None:
    contact = [to_global_id("Contact", 1)]
    await add_tags(owner, contact_ids=contact, tags=[{"name": "Client"}])
    await built(owner, CLIENTS, "Clients")
    group = await built(owner, CANADIANS)
    await edit(owner, group, CLIENTS)
    await overtake(url, remove_tags(owner, contact_ids=contact, tags=[{"name": "Client"}]), judge_all(owner))
    await build(owner.services)
    assert (await differences(owner) == []) is is_right
