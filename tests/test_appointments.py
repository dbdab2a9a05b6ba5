"""Appointments: meetings with a contact, found by criteria, and gone with their contact."""

from datetime import timedelta
from typing import Any

import pytest
from tortoise.models import Model

from models import Appointment, AppointmentStatus, Contact, Role
from models.errors import Forbidden, NotFound, Refused
from models.ids import to_global_id
from resolvers.operation.context import Context
from resolvers.reading.paging import PageArguments
from resolvers.records.appointments import (
    appointment,
    appointments,
    appointments_of,
    create_appointment,
    delete_appointment,
    update_appointment,
)
from resolvers.records.contacts import create_contact
from tests.support.callers import new_account, new_user
from tests.support.clock import NOON, DrivenClock

CALL = {"title": "Call Äpfel", "starts_at": NOON}


@pytest.fixture
async def ann(context: Context) -> Contact:
    return await create_contact(context, fields={"last_name": "Ann"})


def _contact_id(contact: Contact) -> str:
    return to_global_id("Contact", contact.id)


def _id(found: Appointment) -> str:
    return to_global_id("Appointment", found.id)


def _values(row: Model, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


async def test_an_appointment_is_scheduled_unless_told(context: Context, ann: Contact) -> None:
    created = await create_appointment(context, contact_id=_contact_id(ann), values=CALL | {"location": " ", "ends_at": None})
    found = await appointment(context, _id(created))
    assert found is not None
    assert _values(found, "title", "title_folded", "location", "ends_at") == ("Call Äpfel", "call äpfel", None, None)
    assert (found.status, found.starts_at, found.contact_id) == (AppointmentStatus.SCHEDULED, NOON, ann.id)


AGAINST_THE_RULES: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"title": " ", "starts_at": NOON}, ("BLANK", "input.title")),
    ({"title": "x" * 256, "starts_at": NOON}, ("TOO_LONG", "input.title")),
    ({"title": "x", "starts_at": NOON, "location": "y" * 256}, ("TOO_LONG", "input.location")),
    ({"title": "x"}, ("BLANK", "input.startsAt")),
    ({"title": "x", "starts_at": NOON, "ends_at": NOON - timedelta(microseconds=1)}, ("INVALID", "input.endsAt")),
]


async def test_an_appointment_against_the_rules_is_refused(context: Context, ann: Contact) -> None:
    for values, problem in AGAINST_THE_RULES:
        with pytest.raises(Refused) as refused:
            await create_appointment(context, contact_id=_contact_id(ann), values=values)
        assert [(found.code.value, ".".join(found.path)) for found in refused.value.problems] == [problem], values


async def test_an_update_leaves_what_is_absent_and_clears_what_is_null(context: Context, ann: Contact, clock: DrivenClock) -> None:
    given = CALL | {"location": "Rome", "ends_at": NOON}
    created = await create_appointment(context, contact_id=_contact_id(ann), values=given)
    clock.pass_(minutes=1)
    for values in ({}, given):
        assert (await update_appointment(context, appointment_id=_id(created), values=values)).updated_at == NOON
    changes = {"location": None, "status": AppointmentStatus.COMPLETED}
    updated = await update_appointment(context, appointment_id=_id(created), values=changes)
    assert _values(updated, "location", "location_folded", "status") == (None, None, AppointmentStatus.COMPLETED)
    assert (updated.title, updated.ends_at, updated.updated_at) == (CALL["title"], NOON, NOON + timedelta(minutes=1))
    assert (await context.scope.contacts.get(id=ann.id)).updated_at == NOON


async def test_an_update_cannot_turn_an_appointment_round(context: Context, ann: Contact) -> None:
    created = await create_appointment(context, contact_id=_contact_id(ann), values=CALL | {"ends_at": NOON})
    with pytest.raises(Refused):
        await update_appointment(context, appointment_id=_id(created), values={"starts_at": NOON + timedelta(seconds=1)})
    with pytest.raises(Refused):
        await update_appointment(context, appointment_id=_id(created), values={"title": None})
    moved = {"starts_at": NOON + timedelta(seconds=1), "ends_at": None}
    assert (await update_appointment(context, appointment_id=_id(created), values=moved)).ends_at is None


async def test_appointments_are_found_by_criteria_and_by_contact(context: Context, ann: Contact) -> None:
    bob = await create_contact(context, fields={"last_name": "Bob"})
    first = await create_appointment(context, contact_id=_contact_id(ann), values=CALL)
    second = await create_appointment(context, contact_id=_contact_id(bob), values={"title": "Lunch", "starts_at": NOON})
    page = PageArguments()
    where = {"title": {"startsWith": ["CALL"]}}
    assert [found.id for found in (await appointments(context, where=where, page=page)).nodes] == [first.id]
    assert [found.id for found in (await appointments(context, where=None, page=page)).nodes] == [first.id, second.id]
    assert [found.id for found in (await appointments_of(context, bob, page)).nodes] == [second.id]


async def test_a_deleted_appointment_leaves_its_contact(context: Context, ann: Contact) -> None:
    created = await create_appointment(context, contact_id=_contact_id(ann), values=CALL)
    assert await delete_appointment(context, _id(created)) == _id(created)
    assert await appointment(context, _id(created)) is None
    assert await context.scope.contacts.count() == 1
    with pytest.raises(NotFound):
        await delete_appointment(context, _id(created))


async def test_another_accounts_appointments_do_not_exist_and_viewers_change_none(context: Context, ann: Contact) -> None:
    created = await create_appointment(context, contact_id=_contact_id(ann), values=CALL)
    stranger = await new_account(context.services)
    viewer = await new_user(context.services, context.caller.account_id, Role.VIEWER)
    assert await appointment(stranger, _id(created)) is None
    assert await appointment(viewer, _id(created)) is not None
    for outsider, error in ((stranger, NotFound), (viewer, Forbidden)):
        with pytest.raises(error):
            await create_appointment(outsider, contact_id=_contact_id(ann), values=CALL)
        with pytest.raises(error):
            await update_appointment(outsider, appointment_id=_id(created), values={})
        with pytest.raises(error):
            await delete_appointment(outsider, _id(created))
