"""Bulk actions as clients know them: starting, watching, stopping and undoing a change of many contacts."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, validate
from structlog.testing import capture_logs

from models import BulkAction, BulkActionState, BulkInverse, ChangeCause, FieldType, Role
from models.errors import Conflict, Forbidden, NotFound
from models.ids import to_global_id
from resolvers.bulk import inverses
from resolvers.bulk.actions import (
    bulk_action,
    cancel_bulk_action,
    progress,
    start_bulk_action,
    undo_bulk_action,
    undoes,
    undone_by,
)
from resolvers.bulk.pace import ChunkPace
from resolvers.bulk.preview import MOST_PREVIEWED
from resolvers.bulk.summary import summary
from resolvers.bulk.targets import MOST_CHOSEN
from resolvers.bulk.work import work, work_on_next
from resolvers.grouping.groups import create_group, delete_group
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context, Services
from resolvers.records.appointments import create_appointment
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.records.fields import create_custom_field, delete_custom_field
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import delete_tag
from schema.strawberry_adapter import graphql_schema
from tests.support.bulk_account import (
    ADD_VIP,
    EVERYBODY,
    REMOVE_VIP,
    TAGGED,
    again,
    carried_out,
    gid,
    ids_of,
    new_owner,
    problems,
    start,
    tagged,
)
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.graphql import ask, schema
from tests.support.held_writes import overtake

DEADLINE = 30.0
GONE = "This no longer exists: the tag VIP. It may have been deleted, or merged into another."
PAGE = Path(__file__).parents[1] / "docs" / "bulk.md"


@pytest.fixture
def limits() -> dict[str, int]:
    return {"bulk_chunk": 2}


@pytest.fixture
async def owner(services: Services) -> Context:
    return await new_owner(services)


# ---------------------------------------------------------------- through the public API

START = """
mutation ($input: StartBulkActionInput!) {
  startBulkAction(input: $input) {
    bulkAction { id state summary total processed changed startedBy { id } startedAt }
    preview { total changed groups { group { name } joins leaves } }
    userErrors { code message path }
  }
}
"""
READ = "query ($id: ID!) { bulkAction(id: $id) { state total processed changed startedAt finishedAt error undoes { id } undoneBy { id } } }"
UNDO = "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id summary undoes { id } } userErrors { code } } }"


async def test_a_tag_is_added_to_the_members_of_a_group_and_taken_back(owner: Context) -> None:
    group = await create_group(owner, name="Everybody", criteria={"contacts": EVERYBODY["where"]})
    vips = await create_group(owner, name="VIPs", criteria={"contacts": TAGGED["where"]})
    given = {"target": {"groupId": to_global_id("Group", group.id)}, "change": {"tags": {"add": [{"name": "vip"}]}}}
    previewed = (await ask(owner, START, input={**given, "dryRun": True}))["startBulkAction"]
    assert previewed == {
        "bulkAction": None,
        "preview": {"total": 5, "changed": 5, "groups": [{"group": {"name": "VIPs"}, "joins": 5, "leaves": 0}]},
        "userErrors": [],
    }
    started = (await ask(owner, START, input=given))["startBulkAction"]
    action = started["bulkAction"]
    assert started == {
        "bulkAction": {
            "id": action["id"],
            "state": "QUEUED",
            "summary": "Members of Everybody: add the tag VIP.",
            "total": 5,
            "processed": 0,
            "changed": 0,
            "startedBy": {"id": to_global_id("User", owner.caller.user_id)},
            "startedAt": None,
        },
        "preview": None,
        "userErrors": [],
    }
    await work(owner.services)
    at = "2026-03-02T12:00:00Z"
    done = {"state": "COMPLETED", "total": 5, "processed": 5, "changed": 5, "startedAt": at, "finishedAt": at, "error": None}
    assert (await ask(owner, READ, id=action["id"]))["bulkAction"] == {**done, "undoes": None, "undoneBy": None}
    assert await owner.scope.group_members.filter(set_id=vips.id).count() == 5
    undo = (await ask(owner, UNDO, id=action["id"]))["undoBulkAction"]["bulkAction"]
    assert undo["summary"] == "Undo of “Members of Everybody: add the tag VIP”."
    assert undo["undoes"] == {"id": action["id"]}
    await work(owner.services)
    assert (await ask(owner, READ, id=action["id"]))["bulkAction"]["undoneBy"] == {"id": undo["id"]}
    assert await tagged(owner) == []
    assert await owner.scope.group_members.filter(set_id=vips.id).count() == 0


async def test_bulk_actions_are_listed_newest_first(owner: Context) -> None:
    actions = [gid(await start(owner, EVERYBODY, ADD_VIP)) for _ in range(3)]
    query = "query ($after: String) { bulkActions(first: 2, after: $after) { totalCount nodes { id } pageInfo { endCursor hasNextPage } } }"
    first = (await ask(owner, query))["bulkActions"]
    assert [node["id"] for node in first["nodes"]] == [actions[2], actions[1]]
    second = (await ask(owner, query, after=first["pageInfo"]["endCursor"]))["bulkActions"]
    assert [node["id"] for node in second["nodes"]] == [actions[0]]
    assert (first["totalCount"], second["pageInfo"]["hasNextPage"]) == (3, False)


async def test_a_change_in_bulk_has_its_author_and_its_cause(owner: Context) -> None:
    vips = await create_group(owner, name="VIPs", criteria={"contacts": TAGGED["where"]})
    await carried_out(owner, EVERYBODY, ADD_VIP)
    assert {tagging.tagged_by_id for tagging in await owner.scope.taggings} == {owner.caller.user_id}
    events = await owner.scope.group_events.filter(group_id=vips.id)
    assert {event.cause for event in events} == {ChangeCause.BULK_ACTION}
    assert sum(len(event.joined) for event in events) == 5


# ---------------------------------------------------------------- the set


async def test_a_set_that_the_change_itself_empties_is_walked_to_its_end(owner: Context) -> None:
    await carried_out(owner, EVERYBODY, ADD_VIP)
    done = await carried_out(owner, TAGGED, REMOVE_VIP)
    assert (done.state, done.total, done.processed, done.changed) == ("COMPLETED", 5, 5, 5)
    assert await tagged(owner) == []


async def test_who_leaves_the_set_before_the_action_comes_is_not_changed(owner: Context) -> None:
    ids = await ids_of(owner)
    action = await start(owner, EVERYBODY, ADD_VIP)
    await work_on_next(owner.services, ChunkPace(2))
    await update_contact(owner, contact_id=ids[0], fields={"source": None})
    await update_contact(owner, contact_id=ids[4], fields={"source": None})
    await work(owner.services)
    done = await again(owner, action)
    assert (done.state, done.total, done.processed, done.changed) == ("COMPLETED", 5, 4, 4)
    assert len(await tagged(owner)) == 4


async def test_who_comes_into_the_set_in_time_is_changed_too(owner: Context) -> None:
    action = await start(owner, EVERYBODY, ADD_VIP)
    await work_on_next(owner.services, ChunkPace(2))
    await create_contact(owner, fields={"source": "late"})
    await work(owner.services)
    done = await again(owner, action)
    assert (done.total, done.processed, done.changed) == (6, 6, 6)


async def test_contacts_who_are_deleted_meanwhile_are_passed_over(owner: Context) -> None:
    ids = await ids_of(owner)
    action = await start(owner, {"contact_ids": [ids[4], ids[1], ids[1], ids[0]]}, ADD_VIP)
    await delete_contact(owner, ids[1])
    await work(owner.services)
    done = await again(owner, action)
    assert (done.total, done.processed, done.changed) == (3, 3, 2)


@pytest.mark.only("postgresql")
async def test_who_leaves_the_set_while_the_action_waits_for_them_is_not_changed(owner: Context, url: str) -> None:
    await create_group(owner, name="VIPs", criteria={"contacts": TAGGED["where"]})
    await carried_out(owner, EVERYBODY, ADD_VIP)
    first = (await ids_of(owner))[0]
    action = await start(owner, TAGGED, {"fields": {"company": "Acme"}})
    untag = remove_tags(owner, contact_ids=[first], tags=[{"name": "VIP"}])
    others = Context(owner.services, owner.caller, owner.scope)
    await overtake(url, untag, work(others.services))
    assert (await again(owner, action)).changed == 4
    assert await owner.scope.contacts.filter(company="Acme").count() == 4


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("target", "change", "told"),
    [
        ({"contact_ids": []}, ADD_VIP, ("BLANK", ("target", "contactIds"))),
        ({"contact_ids": ["x"] * (MOST_CHOSEN + 1)}, ADD_VIP, ("LIMIT_EXCEEDED", ("target", "contactIds"))),
        ({"where": {"country": {"equals": []}}}, ADD_VIP, ("INVALID", ("target", "where", "country", "equals"))),
        (
            {"where": {"tags": {"containsAny": [{"name": "x"}]}}},
            ADD_VIP,
            ("NOT_FOUND", ("target", "where", "tags", "containsAny", "0", "name")),
        ),
        (EVERYBODY, {"tags": {}}, ("BLANK", ("change", "tags"))),
        (EVERYBODY, {"tags": {"add": [{"name": "x"}]}}, ("NOT_FOUND", ("change", "tags", "add", "0", "name"))),
        (
            EVERYBODY,
            {"tags": {"remove": [{"name": "x"}]}},
            ("NOT_FOUND", ("change", "tags", "remove", "0", "name")),
        ),
        (EVERYBODY, {"tags": {"add": [{"name": " "}], "create_missing": True}}, ("BLANK", ("change", "tags", "add", "0", "name"))),
        (EVERYBODY, {"tags": {"add": [{"name": "x"}] * 101}}, ("LIMIT_EXCEEDED", ("change", "tags", "add"))),
        (EVERYBODY, {"tags": {"add": [{"name": "VIP"}], "remove": [{"name": "vip"}]}}, ("INVALID", ("change", "tags", "remove"))),
        (EVERYBODY, {"fields": {}}, ("BLANK", ("change", "fields"))),
        (EVERYBODY, {"fields": {"email": "a@example.com"}}, ("INVALID", ("change", "fields", "email"))),
        (EVERYBODY, {"fields": {"score": 2**40}}, ("INVALID", ("change", "fields", "score"))),
        (EVERYBODY, {"fields": {"custom_fields": {"plan": 1}}}, ("NOT_FOUND", ("change", "fields", "customFields", "plan"))),
        (EVERYBODY, {"delete": False}, ("INVALID", ("change", "delete"))),
    ],
)
async def test_what_is_against_a_rule_starts_nothing(
    owner: Context, target: dict[str, Any], change: dict[str, Any], told: tuple[str, tuple[str, ...]]
) -> None:
    code, path = told
    for dry_run in (False, True):
        found = await problems(start_bulk_action(owner, target=target, change=change, dry_run=dry_run))
        assert found == [(code, ("input", *path))]
    assert await owner.scope.bulk_actions.count() == 0
    assert await owner.scope.tags.count() == 1


async def test_groups_that_cannot_be_a_target(owner: Context) -> None:
    other = await new_user(owner.services, owner.caller.account_id, Role.ADMIN)
    hidden = await create_group(owner, name="Mine", criteria={"contacts": EVERYBODY["where"]}, permission={"view": {"only_owner": True}})
    with pytest.raises(NotFound):
        await start(other, {"group_id": to_global_id("Group", hidden.id)}, ADD_VIP)
    meetings = await create_group(owner, name="Meetings", criteria={"appointments": {"title": {"isEmpty": False}}})
    where = ("input", "target", "groupId")
    assert await problems(start(owner, {"group_id": to_global_id("Group", meetings.id)}, ADD_VIP)) == [("INVALID", where)]
    unfinished = await create_group(owner, name="New", criteria={"contacts": EVERYBODY["where"]})
    await owner.scope.all_groups.filter(id=unfinished.id).update(members_id=0)
    assert await problems(start(owner, {"group_id": to_global_id("Group", unfinished.id)}, ADD_VIP)) == [("CONFLICT", where)]


async def test_contacts_that_do_not_exist_are_no_target(owner: Context) -> None:
    stranger = await create_contact(await new_account(owner.services), fields={})
    with pytest.raises(NotFound):
        await start(owner, {"contact_ids": [to_global_id("Contact", stranger.id)]}, ADD_VIP)


async def test_only_editors_start_cancel_and_undo_and_everybody_may_look(owner: Context) -> None:
    viewer = await new_user(owner.services, owner.caller.account_id, Role.VIEWER)
    action = await start(owner, EVERYBODY, ADD_VIP)
    for attempt in (start(viewer, EVERYBODY, ADD_VIP), cancel_bulk_action(viewer, gid(action)), undo_bulk_action(viewer, gid(action))):
        with pytest.raises(Forbidden):
            await attempt
    assert await bulk_action(viewer, gid(action)) == action


async def test_a_dry_run_of_too_many_contacts_is_refused(owner: Context) -> None:
    group = await create_group(owner, name="Large", criteria={"contacts": EVERYBODY["where"]})
    await owner.scope.all_groups.filter(id=group.id).update(member_count=MOST_PREVIEWED + 1)
    attempt = start_bulk_action(owner, target={"group_id": to_global_id("Group", group.id)}, change=ADD_VIP, dry_run=True)
    assert await problems(attempt) == [("LIMIT_EXCEEDED", ("input", "dryRun"))]


async def test_an_account_may_have_so_many_bulk_actions_at_work(owner: Context) -> None:
    action = await start(owner, EVERYBODY, ADD_VIP)
    values = {name: value for name, value in (await owner.scope.bulk_actions.filter(id=action.pk).values())[0].items() if name != "id"}
    await BulkAction.bulk_create([BulkAction(**values) for _ in range(99)])
    assert await problems(start(owner, EVERYBODY, ADD_VIP)) == [("LIMIT_EXCEEDED", ())]


# ---------------------------------------------------------------- once


async def test_the_same_key_starts_the_same_action_once(owner: Context) -> None:
    first, second = await asyncio.gather(*(start(owner, EVERYBODY, ADD_VIP, idempotency_key="monday") for _ in range(2)))
    assert first.pk == second.pk
    await work(owner.services)
    assert (await start(owner, EVERYBODY, ADD_VIP, idempotency_key="monday")).state is BulkActionState.COMPLETED
    conflict = await problems(start(owner, EVERYBODY, REMOVE_VIP, idempotency_key="monday"))
    assert conflict == [("CONFLICT", ("input", "idempotencyKey"))]
    assert await problems(start(owner, EVERYBODY, ADD_VIP, idempotency_key=" ")) == [("BLANK", ("input", "idempotencyKey"))]
    stranger = await new_account(owner.services)
    assert (await start(stranger, EVERYBODY, {"delete": True}, idempotency_key="monday")).pk != first.pk


async def test_a_key_is_known_again_when_its_target_is_gone(owner: Context) -> None:
    asked: dict[str, Any] = {"target": {"contact_ids": await ids_of(owner)}, "change": {"delete": True}, "idempotency_key": "end"}
    first = await start(owner, **asked)
    await work(owner.services)
    assert await start(owner, **asked) == await again(owner, first)


async def test_values_of_any_size_have_a_fingerprint(owner: Context) -> None:
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.TEXT, choices=None)
    where = ("input", "change", "fields", "customFields", "plan")
    for value in (2**70, "\ud800"):
        assert await problems(start(owner, EVERYBODY, {"fields": {"custom_fields": {"plan": value}}})) == [("INVALID", where)]


async def test_bulk_actions_take_turns(owner: Context, clock: DrivenClock) -> None:
    actions = [await start(owner, EVERYBODY, ADD_VIP), await start(owner, EVERYBODY, {"fields": {"company": "Acme"}})]
    for processed in ([2, 0], [2, 2], [4, 2], [4, 4]):
        clock.pass_(seconds=1)
        assert await work_on_next(owner.services, ChunkPace(2))
        assert [(await again(owner, action)).processed for action in actions] == processed


async def test_other_writes_go_on_while_a_bulk_action_is_at_work(owner: Context) -> None:
    action = await start(owner, EVERYBODY, {"fields": {"company": "Acme"}})
    working = asyncio.create_task(work(owner.services))
    other = Context(owner.services, owner.caller, owner.scope)
    async with asyncio.timeout(DEADLINE):
        async for message in progress(other, gid(action)):
            if message.processed:
                break
        await add_tags(other, contact_ids=[(await ids_of(owner))[0]], tags=[{"name": "VIP"}])
        await working
    assert (await again(owner, action)).changed == 5
    assert len(await tagged(owner)) == 1
    assert await verify(owner.services.database, owner.services.definitions, owner.caller.account_id) == []


# ---------------------------------------------------------------- stopping


async def test_a_cancelled_action_keeps_what_is_done_and_can_be_undone(owner: Context) -> None:
    action = await start(owner, EVERYBODY, ADD_VIP)
    await work_on_next(owner.services, ChunkPace(2))
    assert (await cancel_bulk_action(owner, gid(action))).state is BulkActionState.CANCELLED
    assert not await work_on_next(owner.services, ChunkPace(2))
    assert (await cancel_bulk_action(owner, gid(action))).processed == 2
    assert len(await tagged(owner)) == 2
    await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    assert await tagged(owner) == []


async def test_what_has_ended_cannot_be_cancelled(owner: Context) -> None:
    action = await carried_out(owner, EVERYBODY, ADD_VIP)
    assert await problems(cancel_bulk_action(owner, gid(action))) == [("CONFLICT", ("id",))]
    stranger = await new_account(owner.services)
    for attempt in (cancel_bulk_action(stranger, gid(action)), undo_bulk_action(stranger, gid(action))):
        with pytest.raises(NotFound):
            await attempt


async def test_an_action_whose_tag_is_deleted_fails_and_says_where(owner: Context) -> None:
    tag = await owner.scope.tags.get(name="VIP")
    action = await start(owner, EVERYBODY, ADD_VIP)
    await work_on_next(owner.services, ChunkPace(2))
    await delete_tag(owner, tag_id=to_global_id("Tag", tag.id))
    await work(owner.services)
    failed = await again(owner, action)
    assert (failed.state, failed.processed, failed.changed) == ("FAILED", 2, 2)
    assert failed.error == f"{GONE} Stopped after 2 of 5 contacts."
    assert failed.finished_at is not None
    assert await summary(owner, failed) == "Source is not empty: add the tag a deleted tag."


async def test_an_action_whose_group_or_field_is_deleted_fails(owner: Context) -> None:
    group = await create_group(owner, name="Everybody", criteria={"contacts": EVERYBODY["where"]})
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.TEXT, choices=None)
    actions = [
        await start(owner, {"group_id": to_global_id("Group", group.id)}, ADD_VIP),
        await start(owner, EVERYBODY, {"fields": {"custom_fields": {"plan": "Gold"}}}),
    ]
    await delete_group(owner, group_id=to_global_id("Group", group.id), force=False)
    await owner.scope.custom_fields.delete()
    await work(owner.services)
    assert [(await again(owner, action)).state for action in actions] == ["FAILED", "FAILED"]


async def test_a_defect_ends_an_action_and_is_told_by_its_id_only(owner: Context) -> None:
    action = await start(owner, EVERYBODY, ADD_VIP)
    await owner.scope.bulk_actions.filter(id=action.pk).update(change={"nonsense": True})
    with capture_logs() as logs:
        await work(owner.services)
    failed = await again(owner, action)
    assert (failed.state, failed.processed) == ("FAILED", 0)
    assert logs[0]["error_id"] in str(failed.error)
    assert "nonsense" not in str(failed.error)


async def test_an_action_that_loses_every_race_is_tried_again_after_the_others(owner: Context, clock: DrivenClock) -> None:
    unlucky, other = [await start(owner, EVERYBODY, change) for change in (ADD_VIP, {"fields": {"company": "Acme"}})]
    second = (await owner.scope.contacts.order_by("id"))[1]
    taken = {"account_id": owner.caller.account_id, "action_id": unlucky.pk, "position": second.id, "contacts": 1, "inverse": b""}
    in_the_way = await BulkInverse.create(**taken)
    clock.pass_(seconds=1)
    with pytest.raises(Conflict):
        await work_on_next(owner.services, ChunkPace(2))
    await work_on_next(owner.services, ChunkPace(2))
    assert [(await again(owner, action)).processed for action in (unlucky, other)] == [0, 2]
    await in_the_way.delete()
    await work(owner.services)
    assert [(await again(owner, action)).changed for action in (unlucky, other)] == [5, 5]


# ---------------------------------------------------------------- undoing


async def test_an_undo_leaves_what_has_changed_since(owner: Context, clock: DrivenClock) -> None:
    ids = await ids_of(owner)
    action = await carried_out(owner, EVERYBODY, {"fields": {"company": "Acme", "country": "Canada"}})
    clock.pass_(hours=1)
    await update_contact(owner, contact_id=ids[0], fields={"company": "ACME"})
    await delete_contact(owner, ids[1])
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    undone = await again(owner, undo)
    assert (undone.total, undone.processed, undone.changed, undone.kept) == (5, 5, 4, 2)
    found: list[Any] = [(contact.company, contact.country) for contact in await owner.scope.contacts.order_by("id")]
    assert found == [("ACME", None), *[(None, None)] * 3]
    assert (await summary(owner, undone)).endswith("Of 2 contacts something was left as it is, because it had changed since or was gone.")
    assert await undoes(owner, undone) == await again(owner, action)
    assert await undone_by(owner, action) == undone


async def test_an_undo_leaves_tags_that_were_added_anew(owner: Context, clock: DrivenClock) -> None:
    ids = await ids_of(owner)
    action = await carried_out(owner, EVERYBODY, ADD_VIP)
    clock.pass_(hours=1)
    await remove_tags(owner, contact_ids=ids[:2], tags=[{"name": "VIP"}])
    await add_tags(owner, contact_ids=ids[:1], tags=[{"name": "VIP"}])
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    undone = await again(owner, undo)
    assert (undone.changed, undone.kept, len(await tagged(owner))) == (3, 2, 1)


async def test_removed_tags_come_back_with_their_time_and_author(owner: Context, clock: DrivenClock) -> None:
    await carried_out(owner, EVERYBODY, ADD_VIP)
    before = await owner.scope.taggings.order_by("contact_id").values("contact_id", "tagged_at", "tagged_by_id")
    clock.pass_(hours=1)
    editor = await new_user(owner.services, owner.caller.account_id, Role.EDITOR)
    action = await carried_out(editor, EVERYBODY, REMOVE_VIP)
    await undo_bulk_action(editor, gid(action))
    await work(owner.services)
    assert await owner.scope.taggings.order_by("contact_id").values("contact_id", "tagged_at", "tagged_by_id") == before


async def test_deleted_contacts_come_back_unless_their_address_is_taken(owner: Context) -> None:
    ids = await ids_of(owner)
    values = {"title": "Call", "starts_at": owner.services.wall_clock() + timedelta(days=1)}
    appointment = await create_appointment(owner, contact_id=ids[3], values=values)
    action = await carried_out(owner, EVERYBODY, {"delete": True})
    assert await owner.scope.contacts.count() == 0
    await create_contact(owner, fields={"email": "C1@example.com"})
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    undone = await again(owner, undo)
    assert (undone.changed, undone.kept) == (4, 1)
    assert set(ids) - set(await ids_of(owner)) == {ids[1]}
    assert [kept.id for kept in await owner.scope.appointments] == [appointment.id]


async def test_who_comes_back_without_a_tag_or_a_value_that_is_gone_is_counted(owner: Context) -> None:
    ids = await ids_of(owner)
    await add_tags(owner, contact_ids=ids[:2], tags=[{"name": "VIP"}, {"name": "Client"}], create_missing=True)
    for key in ("plan", "size"):
        await create_custom_field(owner, key=key, label=key, type=FieldType.TEXT)
    for contact_id in ids[1:3]:
        await update_contact(owner, contact_id=contact_id, fields={"custom_fields": {"plan": "Gold", "size": "XL"}})
    action = await carried_out(owner, EVERYBODY, {"delete": True})
    await create_contact(owner, fields={"email": "c2@example.com"})
    await delete_tag(owner, tag_id=to_global_id("Tag", (await owner.scope.tags.get(name="VIP")).id))
    await delete_custom_field(owner, key="plan")
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    undone = await again(owner, undo)
    assert (undone.changed, undone.kept) == (4, 3)
    assert len(await tagged(owner)) == 2
    assert [value.text for value in await owner.scope.custom_values] == ["XL"]
    assert (await summary(owner, undone)).endswith("Of 3 contacts something was left as it is, because it had changed since or was gone.")


async def test_a_cleared_address_comes_back_unless_it_is_taken(owner: Context) -> None:
    action = await carried_out(owner, EVERYBODY, {"fields": {"email": None, "company": "Acme"}})
    await create_contact(owner, fields={"email": "C1@example.com"})
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    assert (await again(owner, undo)).kept == 1
    found: list[Any] = [(contact.email, contact.company) for contact in await owner.scope.contacts.order_by("id")]
    emails = ["c0@example.com", None, "c2@example.com", "c3@example.com", "c4@example.com", "C1@example.com"]
    assert found == [(email, None) for email in emails]


async def test_a_cancelled_undo_is_continued_by_another(owner: Context) -> None:
    action = await carried_out(owner, EVERYBODY, ADD_VIP)
    undo = await undo_bulk_action(owner, gid(action))
    assert await problems(undo_bulk_action(owner, gid(action))) == [("CONFLICT", ("id",))]
    await work_on_next(owner.services, ChunkPace(2))
    await cancel_bulk_action(owner, gid(undo))
    assert len(await tagged(owner)) == 3
    other = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    assert ((await again(owner, other)).total, (await again(owner, other)).kept) == (3, 0)
    assert await tagged(owner) == []
    assert await undone_by(owner, action) == await again(owner, other)


async def test_what_cannot_be_undone(owner: Context) -> None:
    running = await start(owner, EVERYBODY, ADD_VIP)
    assert await problems(undo_bulk_action(owner, gid(running))) == [("CONFLICT", ("id",))]
    await work(owner.services)
    nothing = await carried_out(owner, EVERYBODY, ADD_VIP)
    assert nothing.changed == 0
    assert await problems(undo_bulk_action(owner, gid(nothing))) == [("NOT_FOUND", ("id",))]
    undo = await undo_bulk_action(owner, gid(running))
    await work(owner.services)
    assert await problems(undo_bulk_action(owner, gid(running))) == [("CONFLICT", ("id",))]
    assert await problems(undo_bulk_action(owner, gid(undo))) == [("INVALID", ("id",))]


async def test_how_to_undo_is_forgotten_in_time_but_not_in_the_middle_of_an_undo(owner: Context, clock: DrivenClock) -> None:
    action = await carried_out(owner, EVERYBODY, ADD_VIP)
    undo = await undo_bulk_action(owner, gid(action))
    await work_on_next(owner.services, ChunkPace(2))
    clock.pass_(hours=1)
    await inverses.prune(owner.services.database, before=clock())
    await work(owner.services)
    assert (await again(owner, undo)).changed == 5
    other = await carried_out(owner, EVERYBODY, ADD_VIP)
    await inverses.prune(owner.services.database, before=clock())
    assert await inverses.undoable_contacts(owner.services.database, owner.caller.account_id, other.pk) == 5
    clock.pass_(hours=1)
    await inverses.prune(owner.services.database, before=clock())
    assert await problems(undo_bulk_action(owner, gid(other))) == [("NOT_FOUND", ("id",))]


# ---------------------------------------------------------------- telling


async def test_progress_begins_with_the_present_and_ends_with_the_end(owner: Context) -> None:
    action = await start(owner, EVERYBODY, ADD_VIP)
    async with asyncio.timeout(DEADLINE):
        stream = progress(owner, gid(action))
        assert (await anext(stream)).processed == 0
        working = asyncio.create_task(work(owner.services))
        told = [message async for message in stream]
        await working
    assert (told[-1].state, told[-1].processed, told[-1].changed) == ("COMPLETED", 5, 5)
    assert len(told) == len(set(told))
    assert [message.processed async for message in progress(owner, gid(action))] == [5]


async def test_progress_of_another_accounts_action_is_not_told(owner: Context) -> None:
    action = await start(owner, EVERYBODY, ADD_VIP)
    with pytest.raises(NotFound):
        await anext(progress(await new_account(owner.services), gid(action)))


async def test_a_summary_names_no_group_that_the_reader_cannot_view(owner: Context) -> None:
    secret = await create_group(owner, name="Secret", criteria={"contacts": EVERYBODY["where"]}, permission={"view": {"only_owner": True}})
    number = to_global_id("Group", secret.id)
    other = await new_user(owner.services, owner.caller.account_id, Role.ADMIN)
    for target in ({"group_id": number}, {"where": {"group": {"memberOfAny": [number]}}}):
        action = await start(owner, target, {"delete": True})
        assert "Secret" in await summary(owner, action)
        assert "Secret" not in await summary(other, action)
    preview = (await start_bulk_action(other, target=EVERYBODY, change={"delete": True}, dry_run=True)).preview
    assert preview
    assert (preview.changed, preview.groups) == (5, [])


async def test_summaries_are_sentences(owner: Context) -> None:
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.TEXT, choices=None)
    ids = await ids_of(owner)
    fields = {"fields": {"company": "Acme", "website": None, "custom_fields": {"plan": None}}}
    said = [
        await summary(owner, await start(owner, target, change))
        for target, change in (
            ({"contact_ids": ids[:1]}, {"delete": True}),
            ({"contact_ids": ids}, fields),
            (TAGGED, {"tags": {"add": [{"name": "A"}, {"name": "B"}], "remove": [{"name": "VIP"}], "create_missing": True}}),
        )
    ]
    assert said == [
        "1 chosen contact: delete.",
        "5 chosen contacts: set Company, clear Website and Plan.",
        "Tags contain VIP: add the tags A and B, remove the tag VIP.",
    ]


def test_every_operation_in_the_documentation_is_valid() -> None:
    found = re.findall(r"```graphql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 4
    assert [error.message for document in found for error in validate(graphql_schema(schema()), parse(document))] == []
