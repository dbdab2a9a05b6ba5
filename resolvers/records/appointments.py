"""Appointments, each with one contact, and their entry in the table of record types. The contact's lock covers them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from models import Appointment, AppointmentStatus, ChangeCause, Contact, FieldType
from models.errors import ProblemCode, refuse
from models.ids import to_global_id
from models.orm.keyset import Order
from models.text import fold_or_none
from resolvers.access.roles import require_editor
from resolvers.criteria.language.fields import CREATED, UPDATED, Family, RecordField, by_key, instant_field, text_field
from resolvers.criteria.language.mentions import Mention, existence
from resolvers.criteria.language.record_types import RecordType
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, id_or_none, unknown
from resolvers.reading import paging
from resolvers.reading.criteria_input import matching
from resolvers.reading.paging import Page, PageArguments
from resolvers.values.validation import Check, Problems, camel, instant, required_text, text
from resolvers.write import write

APPOINTMENT = RecordType(
    name="APPOINTMENT",
    key="appointments",
    noun="appointment",
    table="appointments",
    model=Appointment,
    fields=by_key(
        replace(text_field("title", "title"), required=True),
        text_field("location", "location"),
        RecordField("status", "status", "Status", Family.STATUS, FieldType.DROPDOWN, required=True, indexed=False),
        replace(instant_field("startsAt", "starts_at", "Starts", ("starts", "does not start")), required=True),
        instant_field("endsAt", "ends_at", "Ends", ("ends", "does not end")),
        CREATED,
        UPDATED,
    ),
)

BY_ID = Order("appointments")


async def appointment(context: Context, appointment_id: str) -> Appointment | None:
    """Return the appointment with this id, or None."""
    number = id_or_none(appointment_id, "Appointment")
    found: Appointment | None = None if number is None else await context.loaders.records_by_id(APPOINTMENT).load(number)
    return found


async def appointments(context: Context, *, where: Mapping[str, Any] | None, page: PageArguments) -> Page[Appointment]:
    """Return a page of the appointments that match the criteria."""
    found = await matching(context, APPOINTMENT.key, where=where, among=context.scope.appointments)
    return await paging.page(found, page, order=BY_ID, limits=context.services.pages)


async def appointments_of(context: Context, contact: Contact, page: PageArguments) -> Page[Appointment]:
    """Return a page of a contact's appointments."""
    found = context.scope.appointments.filter(contact_id=contact.id)
    return await paging.page(found, page, order=BY_ID, limits=context.services.pages)


async def create_appointment(context: Context, *, contact_id: str, values: Mapping[str, Any]) -> Appointment:
    """Create an appointment with a contact."""
    require_editor(context)
    number = id_of(contact_id, "Contact", "contact")
    checked = _checked({"title": None, "starts_at": None, "status": None, **values})
    _refuse_backward(checked)

    async def work(change: Change) -> Appointment:
        if not await change.lock_contacts([number]):
            raise unknown("contact")
        change.note_created(APPOINTMENT, number)
        return await Appointment.create(
            **checked, account_id=change.account_id, contact_id=number, created_at=change.at, updated_at=change.at
        )

    return await write(context, ChangeCause.RECORD_CREATED, work)


async def update_appointment(context: Context, *, appointment_id: str, values: Mapping[str, Any]) -> Appointment:
    """Change these values of an appointment. Absent values stay as they are. None clears a value, or is refused where one is required."""
    require_editor(context)
    number = id_of(appointment_id, "Appointment", "appointment")
    checked = _checked(values)

    async def work(change: Change) -> Appointment:
        found = await _locked(context, change, number)
        _refuse_backward({"starts_at": found.starts_at, "ends_at": found.ends_at} | checked)
        changed = {name: value for name, value in checked.items() if value != getattr(found, name)}
        if changed:
            changed["updated_at"] = change.at
            await context.scope.appointments.filter(id=number).update(**changed)
            change.touch(found.contact_id, *(Mention(APPOINTMENT.noun, column) for column in changed))
        # Read before the commit, after which somebody else may delete the appointment.
        return await context.scope.appointments.get(id=number)

    return await write(context, ChangeCause.RECORD_CHANGED, work)


async def delete_appointment(context: Context, appointment_id: str) -> str:
    """Delete an appointment and keep its contact. Return the deleted id."""
    require_editor(context)
    number = id_of(appointment_id, "Appointment", "appointment")

    async def work(change: Change) -> None:
        found = await _locked(context, change, number)
        await found.delete()
        change.note_deleted(APPOINTMENT, number)
        change.touch(found.contact_id, existence(APPOINTMENT))

    await write(context, ChangeCause.RECORD_DELETED, work)
    return to_global_id("Appointment", number)


async def _locked(context: Context, change: Change, appointment_id: int) -> Appointment:
    """Lock an appointment until the write ends, and return it."""
    found = await context.scope.appointments.get_or_none(id=appointment_id)
    if found:
        await change.lock_contacts([found.contact_id])
        found = await context.scope.appointments.get_or_none(id=appointment_id)
    if found is None:
        raise unknown("appointment")
    return found


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    problems = Problems()
    values: dict[str, Any] = {name: problems.attempt(CHECKS[name], value, "input", camel(name)) for name, value in given.items()}
    problems.raise_any()
    return values | {f"{name}_folded": fold_or_none(values[name]) for name in ("title", "location") if name in values}


def _required_instant(value: Any) -> Any:
    found = instant(value)
    if found is None:
        raise refuse(ProblemCode.BLANK, "This must not be blank.")
    return found


def _status(value: Any) -> AppointmentStatus:
    return AppointmentStatus.SCHEDULED if value is None else AppointmentStatus(value)


CHECKS: dict[str, Check] = {
    "title": required_text,
    "location": text,
    "starts_at": _required_instant,
    "ends_at": instant,
    "status": _status,
}


def _refuse_backward(values: Mapping[str, Any]) -> None:
    if values.get("ends_at") is not None and values["ends_at"] < values["starts_at"]:
        raise refuse(ProblemCode.INVALID, "An appointment cannot end before it starts.", "input", "endsAt")
