"""What is deleted by somebody else just after it was changed: the change is answered as it was made, or with NOT_FOUND."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from models import Appointment, Contact, CustomField, FieldType, Group, Tag
from models.errors import NotFound, Refused
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, delete_group, update_group
from resolvers.operation.context import Context
from resolvers.records.appointments import create_appointment, delete_appointment, update_appointment
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.records.fields import create_custom_field, delete_custom_field, update_custom_field
from resolvers.tagging.tags import create_tag, delete_tag, merge_tags, update_tag
from tests.support.clock import NOON

ROUNDS = 5
EVERYBODY: dict[str, Any] = {"contacts": {"country": {"isEmpty": True}}}


async def overtaken(change: Awaitable[object], deletion: Awaitable[str]) -> object:
    """The outcome of a change beside which the same thing is deleted, which waits for the change and then goes first."""
    changed, deleted = await asyncio.gather(change, deletion, return_exceptions=True)
    assert isinstance(deleted, str), deleted
    return changed


async def test_a_contact_and_an_appointment(context: Context) -> None:
    for number in range(ROUNDS):
        contact = to_global_id("Contact", (await create_contact(context, fields={})).id)
        appointment = await create_appointment(context, contact_id=contact, values={"title": "Call", "starts_at": NOON})
        appointment_id = to_global_id("Appointment", appointment.id)
        change = update_appointment(context, appointment_id=appointment_id, values={"title": f"Call {number}"})
        assert isinstance(await overtaken(change, delete_appointment(context, appointment_id)), Appointment | NotFound)
        move = update_contact(context, contact_id=contact, fields={"city": f"City {number}"})
        assert isinstance(await overtaken(move, delete_contact(context, contact)), Contact | NotFound)


async def test_a_tag_and_a_custom_field(context: Context) -> None:
    for number in range(ROUNDS):
        one, other = [to_global_id("Tag", (await create_tag(context, name=name)).id) for name in ("Client", "Lead")]
        merged = merge_tags(context, source_id=other, target_id=one)
        assert isinstance(await overtaken(merged, delete_tag(context, tag_id=one)), Tag | NotFound)
        tag = to_global_id("Tag", (await create_tag(context, name="Customer")).id)
        change = update_tag(context, tag_id=tag, changes={"description": f"Number {number}"})
        assert isinstance(await overtaken(change, delete_tag(context, tag_id=tag)), Tag | NotFound)
        await context.scope.tags.delete()
        await create_custom_field(context, key="points", label="Points", type=FieldType.NUMBER)
        relabel = update_custom_field(context, key="points", changes={"label": f"Points {number}"})
        assert isinstance(await overtaken(relabel, delete_custom_field(context, key="points")), CustomField | Refused)


async def test_a_group(context: Context) -> None:
    for number in range(ROUNDS):
        group = to_global_id("Group", (await create_group(context, name="Everybody", criteria=EVERYBODY)).id)
        change = update_group(context, group_id=group, changes={"name": f"Everybody {number}"})
        assert isinstance(await overtaken(change, delete_group(context, group_id=group, force=False)), Group | NotFound)
