"""Settling looks at no more than a write can have flipped, and at all of that."""

import logging
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from models import FieldType, Group
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.maintenance.clock import step
from resolvers.membership.clock import advance
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, update_contact
from resolvers.records.fields import create_custom_field
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag
from tests.support.clock import NOON, DrivenClock


async def group_of(context: Context, criteria: dict[str, Any]) -> Group:
    return await create_group(context, name="Group", criteria={"contacts": criteria})


async def members(context: Context, group: Group) -> int:
    count: int = (await context.scope.groups.get(id=group.id)).member_count
    return count


async def test_custom_values_move_a_contact_in_and_out(context: Context) -> None:
    for key, kind in (("points", FieldType.NUMBER), ("notes", FieldType.LONG_TEXT), ("agreed", FieldType.CHECKBOX)):
        await create_custom_field(context, key=key, label=key.title(), type=kind)
    conditions = [("points", "number", {"greaterThan": "5"}), ("notes", "text", {"equals": ["Yes"]}), ("agreed", "boolean", {"is": True})]
    groups = [await group_of(context, {"custom": {"key": key, family: asked}}) for key, family, asked in conditions]
    without = await group_of(context, {"custom": {"key": "points", "number": {"isEmpty": True}}})
    number = to_global_id("Contact", (await create_contact(context, fields={})).id)
    for values, expected in (
        ({"points": "7"}, [1, 0, 0, 0]),
        ({"points": "8", "notes": "yes"}, [1, 1, 0, 0]),
        ({"points": "5", "agreed": True}, [0, 1, 1, 0]),
        ({"points": None, "notes": "no", "agreed": False}, [0, 0, 0, 1]),
    ):
        await update_contact(context, contact_id=number, fields={"custom_fields": values})
        assert [await members(context, group) for group in (*groups, without)] == expected
    assert await verify(context.services.database, context.services.definitions, context.caller.account_id) == []


async def test_a_write_of_what_no_group_tells_apart_reads_no_more_than_the_contact(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("Client", "Other"):
        await create_tag(context, name=name)
    await group_of(context, {"all": [{"tags": {"containsAny": [{"name": "Client"}]}}, {"country": {"equals": ["Canada"]}}]})
    number = to_global_id("Contact", (await create_contact(context, fields={"country": "Peru"})).id)

    async def statements_of(change: Awaitable[object]) -> list[str]:
        caplog.clear()
        await change
        return [record.getMessage() for record in caplog.records]

    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        unmentioned = await statements_of(update_contact(context, contact_id=number, fields={"city": "Lima"}))
        irrelevant = await statements_of(update_contact(context, contact_id=number, fields={"country": "Chile"}))
        relevant = await statements_of(update_contact(context, contact_id=number, fields={"country": "Canada"}))
        joining = await statements_of(add_tags(context, contact_ids=[number], tags=[{"name": "Client"}]))
    # The last statement of settling asks for the version of the definitions and, if any group looks at the column, for the contact.
    assert ["FROM contacts" in statements[-1] for statements in (unmentioned, irrelevant)] == [False, True]
    assert len(irrelevant) == len(unmentioned)
    assert len(relevant) == len(irrelevant) + 1
    assert "FROM taggings" in relevant[-1]
    written = [any("group_members" in statement for statement in each) for each in (unmentioned, irrelevant, relevant, joining)]
    assert written == [False, False, False, True]


async def test_a_write_between_the_clock_and_its_settling_heals_what_time_has_changed(context: Context, clock: DrivenClock) -> None:
    group = await group_of(context, {"lastActivityAt": {"withinLast": {"hours": 1}}})
    number = to_global_id("Contact", (await create_contact(context, fields={"last_activity_at": NOON})).id)
    await step(context.services)
    assert await members(context, group) == 1
    clock.pass_(hours=2)
    # The process ends after it has moved the clock and before it has settled anything.
    await advance(context.services.database, clock())
    await update_contact(context, contact_id=number, fields={"last_activity_at": NOON - timedelta(hours=1)})
    assert await members(context, group) == 0
    await step(context.services)
    assert await verify(context.services.database, context.services.definitions, context.caller.account_id) == []


async def test_groups_in_groups_follow_within_the_same_write(context: Context) -> None:
    await create_tag(context, name="Client")
    tagged = await group_of(context, {"tags": {"containsAny": [{"name": "Client"}]}})
    inside = {"group": {"memberOfAny": [to_global_id("Group", tagged.id)]}}
    canadian = await group_of(context, {"all": [inside, {"country": {"equals": ["Canada"]}}]})
    outside = {"group": {"memberOfNone": [to_global_id("Group", canadian.id)]}}
    others = await group_of(context, outside)
    ids = [to_global_id("Contact", (await create_contact(context, fields={"country": name})).id) for name in ("Canada", "Peru")]
    await add_tags(context, contact_ids=ids, tags=[{"name": "Client"}])
    assert [await members(context, group) for group in (tagged, canadian, others)] == [2, 1, 1]
    await update_contact(context, contact_id=ids[1], fields={"country": "Canada"})
    assert [await members(context, group) for group in (tagged, canadian, others)] == [2, 2, 0]
    await remove_tags(context, contact_ids=ids, tags=[{"name": "Client"}])
    assert [await members(context, group) for group in (tagged, canadian, others)] == [0, 0, 2]
    assert await verify(context.services.database, context.services.definitions, context.caller.account_id) == []
