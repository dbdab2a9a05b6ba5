"""Bulk actions whose tags, custom fields or groups disappear: they end, rather than understand their criteria in another way."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from models import FieldType
from models.errors import NotFound
from models.ids import to_global_id
from resolvers.bulk.actions import start_bulk_action, undo_bulk_action
from resolvers.bulk.pace import ChunkPace
from resolvers.bulk.work import work, work_on_next
from resolvers.grouping.groups import create_group, delete_group
from resolvers.operation.context import Context, Services
from resolvers.records.contacts import update_contact
from resolvers.records.fields import create_custom_field, delete_custom_field
from resolvers.tagging.taggings import add_tags
from resolvers.tagging.tags import create_tag, delete_tag, merge_tags, update_tag
from tests.support.bulk_account import ADD_VIP, EVERYBODY, REMOVE_VIP, again, carried_out, gid, ids_of, new_owner, start, tagged
from tests.support.held_writes import overtake

DELETE: dict[str, Any] = {"delete": True}
NOT_VIP: dict[str, Any] = {"tags": {"containsNone": [{"name": "VIP"}]}}
NO_PLAN: dict[str, Any] = {"custom": {"key": "plan", "text": {"isEmpty": True}}}
STRANGE: dict[str, Any] = {"not": {"taggedAt": {"tag": {"name": "VIP"}, "when": {"isEmpty": False}}}}
MESSAGE = "This no longer exists: {}. It may have been deleted, or merged into another. Stopped after {} of 3 contacts."

End = Callable[[Context], Awaitable[object]]


@pytest.fixture
def limits() -> dict[str, int]:
    return {"bulk_chunk": 2}


@pytest.fixture
async def owner(services: Services) -> Context:
    """An owner with five contacts, two of whom are to be spared: only they are VIPs, have a plan and are in a group."""
    context = await new_owner(services)
    await create_tag(context, name="Key client")
    await create_custom_field(context, key="plan", label="Plan", type=FieldType.TEXT)
    spared = (await ids_of(context))[3:]
    await add_tags(context, contact_ids=spared, tags=[{"name": "VIP"}])
    for contact_id in spared:
        await update_contact(context, contact_id=contact_id, fields={"custom_fields": {"plan": "Gold"}})
    await create_group(context, name="Spared", criteria={"contacts": {"source": {"equals": ["c3", "c4"]}}})
    return context


async def number(context: Context, kind: str, name: str) -> str:
    found = await (context.scope.tags if kind == "Tag" else context.scope.groups).get(name=name)
    return to_global_id(kind, found.pk)


async def criteria(context: Context, where: dict[str, Any] | None) -> dict[str, Any]:
    return {"where": where or {"group": {"memberOfNone": [await number(context, "Group", "Spared")]}}}


async def tag_deleted(context: Context) -> None:
    await delete_tag(context, tag_id=await number(context, "Tag", "VIP"))


async def tag_merged(context: Context) -> None:
    await merge_tags(context, source_id=await number(context, "Tag", "VIP"), target_id=await number(context, "Tag", "Key client"))


async def tag_made_anew(context: Context) -> None:
    await tag_deleted(context)
    await create_tag(context, name="VIP")


async def field_deleted(context: Context) -> None:
    await delete_custom_field(context, key="plan")


async def field_made_anew(context: Context) -> None:
    await field_deleted(context)
    await create_custom_field(context, key="plan", label="Plan", type=FieldType.TEXT)


async def group_deleted(context: Context) -> None:
    await delete_group(context, group_id=await number(context, "Group", "Spared"), force=False)


async def group_deleted_by_force(context: Context) -> None:
    await create_group(context, name="User", criteria={"contacts": (await criteria(context, None))["where"]})
    await delete_group(context, group_id=await number(context, "Group", "Spared"), force=True)


@pytest.mark.parametrize(
    "case",
    [
        (NOT_VIP, tag_deleted, "the tag VIP"),
        (NOT_VIP, tag_merged, "the tag VIP"),
        (NOT_VIP, tag_made_anew, "the tag VIP"),
        (STRANGE, tag_merged, "the tag VIP"),
        (NO_PLAN, field_deleted, "the custom field Plan"),
        (NO_PLAN, field_made_anew, "the custom field Plan"),
        (None, group_deleted, "a group"),
        (None, group_deleted_by_force, "a group"),
    ],
)
@pytest.mark.parametrize("chunks", [0, 1])
async def test_whoever_the_criteria_spared_stays_spared_when_what_they_name_is_gone(
    owner: Context, case: tuple[dict[str, Any] | None, End, str], chunks: int
) -> None:
    where, end, told = case
    ids = await ids_of(owner)
    action = await start(owner, await criteria(owner, where), DELETE)
    for _ in range(chunks):
        await work_on_next(owner.services, ChunkPace(2))
    await end(owner)
    await work(owner.services)
    failed = await again(owner, action)
    assert (failed.state, failed.total, failed.processed) == ("FAILED", 3, 2 * chunks)
    assert failed.error == MESSAGE.format(told, 2 * chunks)
    assert await ids_of(owner) == ids[2 * chunks :]


async def test_what_criteria_name_may_be_called_otherwise_meanwhile(owner: Context) -> None:
    ids = await ids_of(owner)
    action = await start(owner, {"where": NOT_VIP}, DELETE)
    await update_tag(owner, tag_id=await number(owner, "Tag", "VIP"), changes={"name": "Guest"})
    await work(owner.services)
    assert (await again(owner, action)).state == "COMPLETED"
    assert await ids_of(owner) == ids[3:]


async def test_what_a_named_group_names_in_its_turn_may_go(owner: Context) -> None:
    await create_group(owner, name="VIPs", criteria={"contacts": {"tags": {"containsAny": [{"name": "VIP"}]}}})
    where = {"group": {"memberOfAny": [await number(owner, "Group", "VIPs")]}}
    action = await start(owner, {"where": where}, DELETE)
    await delete_tag(owner, tag_id=await number(owner, "Tag", "VIP"), force=True)
    await work(owner.services)
    done = await again(owner, action)
    assert (done.state, done.processed) == ("COMPLETED", 0)
    assert len(await ids_of(owner)) == 5


@pytest.mark.parametrize("change", [ADD_VIP, REMOVE_VIP])
@pytest.mark.parametrize("end", [tag_deleted, tag_merged])
async def test_a_tag_to_be_added_or_removed_is_told_when_it_is_gone(owner: Context, change: dict[str, Any], end: End) -> None:
    action = await start(owner, EVERYBODY, change)
    await end(owner)
    await work(owner.services)
    failed = await again(owner, action)
    assert (failed.state, failed.processed) == ("FAILED", 0)
    assert "the tag VIP" in str(failed.error)
    assert len(await tagged(owner)) == (2 if end is tag_merged else 0)


async def test_everything_that_is_gone_is_told(owner: Context) -> None:
    action = await start(owner, {"where": {"all": [NOT_VIP, NO_PLAN, (await criteria(owner, None))["where"]]}}, ADD_VIP)
    for end in (tag_merged, field_deleted, group_deleted):
        await end(owner)
    await work(owner.services)
    assert (await again(owner, action)).error == MESSAGE.format("the custom field Plan, a group and the tag VIP", 0)


async def test_an_undo_needs_nothing_that_the_criteria_named(owner: Context) -> None:
    ids = await ids_of(owner)
    action = await carried_out(owner, {"where": NOT_VIP}, DELETE)
    await tag_merged(owner)
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    done = await again(owner, undo)
    assert (done.state, done.changed, done.kept) == ("COMPLETED", 3, 0)
    assert await ids_of(owner) == ids


@pytest.fixture
async def merging(owner: Context) -> Context:
    """The same owner in another request, in whose account a merge of tags has something to log."""
    await create_group(owner, name="Key clients", criteria={"contacts": {"tags": {"containsAny": [{"name": "Key client"}]}}})
    return Context(owner.services, owner.caller, owner.scope)


@pytest.mark.only("postgresql")
async def test_a_chunk_that_waits_for_a_merge_takes_nobody(owner: Context, merging: Context, url: str) -> None:
    action = await start(owner, {"where": NOT_VIP}, DELETE)
    await overtake(url, tag_merged(merging), work(owner.services))
    assert (await again(owner, action)).state == "FAILED"
    assert len(await ids_of(owner)) == 5


@pytest.mark.only("postgresql")
@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_start_that_waits_for_a_merge_is_told_of_it(owner: Context, merging: Context, url: str, dry_run: bool) -> None:
    with pytest.raises(NotFound, match="This no longer exists: a tag"):
        await overtake(url, tag_merged(merging), start_bulk_action(owner, target={"where": NOT_VIP}, change=DELETE, dry_run=dry_run))
    assert await owner.scope.bulk_actions.count() == 0
