"""Reading bulk actions: lists and progress leave alone what may be large, and summaries read it for all of a list at once."""

import logging
from typing import Any

import pytest

from models import BulkAction, FieldType, Role
from models.bulk import SHOWN
from models.ids import to_global_id
from resolvers.bulk.actions import progress, undo_bulk_action
from resolvers.bulk.summary import summary
from resolvers.bulk.work import work
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context, Services
from resolvers.records.fields import create_custom_field
from tests.support.bulk_account import ADD_VIP, EVERYBODY, carried_out, gid, ids_of, new_owner, start
from tests.support.callers import with_role
from tests.support.graphql import answer, ask

LIST = "{ bulkActions(first: 10) { totalCount nodes { id state undoes { id } undoneBy { id } } } }"
SUMMARIES = "{ bulkActions(first: 10) { nodes { summary } } }"
DEEP = 1_000
NESTED = {
    "createContact": "input: { fields: { customFields: $value } }",
    "updateContact": "input: { id: $id, fields: { customFields: $value } }",
    "upsertContact": 'input: { fields: { email: "c1@example.com", customFields: $value } }',
    "startBulkAction": "input: { target: { contactIds: [$id] }, change: { fields: { customFields: $value } } }",
}
KEYED = 'input: { idempotencyKey: "k", target: { contactIds: [$id] }, change: { fields: { customFields: $value } } }'


@pytest.fixture
def limits() -> dict[str, int]:
    return {"bulk_chunk": 2}


@pytest.fixture
async def owner(services: Services) -> Context:
    context = await new_owner(services)
    await create_custom_field(context, key="plan", label="Plan", type=FieldType.TEXT)
    return context


def statements(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(record.args[0]) for record in caplog.records if isinstance(record.args, tuple) and record.args]


async def test_lists_and_progress_read_neither_targets_nor_changes(owner: Context, caplog: pytest.LogCaptureFixture) -> None:
    action = await carried_out(owner, {"contact_ids": await ids_of(owner)}, ADD_VIP)
    undo = await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        found = (await ask(owner, LIST))["bulkActions"]
        assert [told.state async for told in progress(owner, gid(undo))] == ["COMPLETED"]
    assert found == {
        "totalCount": 2,
        "nodes": [
            {"id": gid(undo), "state": "COMPLETED", "undoes": {"id": gid(action)}, "undoneBy": None},
            {"id": gid(action), "state": "COMPLETED", "undoes": None, "undoneBy": {"id": gid(undo)}},
        ],
    }
    read = [statement for statement in statements(caplog) if "bulk_actions" in statement]
    assert len(read) >= 5  # a page, its count, what is undone, by what, and progress
    assert [statement for statement in read if '"target"' in statement or '"change"' in statement] == []


def test_all_is_shown_of_an_action_but_its_target_and_its_change() -> None:
    columns = set(BulkAction._meta.fields_db_projection)
    assert columns - {*SHOWN} == {"target", "change"}
    assert {*SHOWN} <= columns


async def test_the_summaries_of_a_list_are_read_at_once(owner: Context, caplog: pytest.LogCaptureFixture) -> None:
    ids = await ids_of(owner)
    for target in ({"contact_ids": ids[:1]}, {"contact_ids": ids}, EVERYBODY):
        await start(owner, target, ADD_VIP)
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        found = (await ask(owner, SUMMARIES))["bulkActions"]["nodes"]
    assert [node["summary"] for node in found] == [
        "Source is not empty: add the tag VIP.",
        "5 chosen contacts: add the tag VIP.",
        "1 chosen contact: add the tag VIP.",
    ]
    assert len([statement for statement in statements(caplog) if "action.change" in statement]) == 1


async def test_the_undo_of_an_action_on_chosen_contacts_tells_how_many_were_chosen(owner: Context) -> None:
    ids = await ids_of(owner)
    await carried_out(owner, {"contact_ids": ids[:2]}, ADD_VIP)
    action = await carried_out(owner, {"contact_ids": ids}, ADD_VIP)
    undo = await undo_bulk_action(owner, gid(action))
    assert undo.total == 3
    assert await summary(owner, undo) == "Undo of “5 chosen contacts: add the tag VIP”."


async def test_fields_with_the_same_label_are_all_told(owner: Context) -> None:
    for key in ("mail", "post"):
        await create_custom_field(owner, key=key, label="Email", type=FieldType.TEXT)
    fields = {"email": None, "custom_fields": {"mail": "x", "post": None}}
    action = await start(owner, EVERYBODY, {"fields": fields})
    assert await summary(owner, action) == "Source is not empty: set Email, clear Email and Email."


@pytest.mark.parametrize("keyed", [False, True])
@pytest.mark.parametrize(("name", "given"), [*NESTED.items(), ("startBulkAction", KEYED)])
async def test_values_that_are_nested_too_deeply_are_refused_as_such(owner: Context, name: str, given: str, keyed: bool) -> None:
    value: Any = 1
    for _ in range(DEEP):
        value = [value]
    identified = "$id: ID!, " if "$id" in given else ""
    query = f"mutation ({identified}$value: JSON) {{ {name}({given}) {{ userErrors {{ code path }} }} }}"
    given_values: dict[str, Any] = {"value": {"plan": value} if keyed else value}
    if identified:
        given_values["id"] = (await ids_of(owner))[0]
    found = await answer(owner, query, given_values)
    assert "errors" not in found
    (problem,) = found["data"][name]["userErrors"]
    assert problem["code"] == "INVALID"
    assert problem["path"][0] == "input"
    assert await owner.scope.bulk_actions.count() == 0


COUNTS = "{ bulkActions(first: 10) { nodes { total processed changed summary } } }"


@pytest.mark.parametrize("by", ["group", "criteria"])
async def test_the_counts_of_an_action_on_a_hidden_group_are_for_those_who_may_view_it(owner: Context, by: str) -> None:
    hidden = await create_group(owner, name="Secret", criteria={"contacts": EVERYBODY["where"]}, permission={"view": {"only_owner": True}})
    group_id = to_global_id("Group", hidden.id)
    targets: dict[str, Any] = {"group": {"group_id": group_id}, "criteria": {"where": {"group": {"memberOfAny": [group_id]}}}}
    action = await carried_out(owner, targets[by], ADD_VIP)
    await undo_bulk_action(owner, gid(action))
    await work(owner.services)
    for context, count in ((owner, 5), (await with_role(owner, Role.VIEWER), None)):
        for found in (await ask(context, COUNTS))["bulkActions"]["nodes"]:
            assert (found["total"], found["processed"], found["changed"]) == (count, count, count)
            assert ("Secret" in found["summary"]) == (count is not None)
