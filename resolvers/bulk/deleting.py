"""Deleting many contacts, and bringing them back with all that belonged to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from models import RecordType
from resolvers.bulk.editing import existing_fields, taken_emails
from resolvers.bulk.needs import Need
from resolvers.bulk.outcome import Document, Outcome
from resolvers.bulk.tagging import restore_taggings
from resolvers.membership.change import Change
from resolvers.reading.search import terms_of
from resolvers.records.contact_table import COLUMNS, TYPES, VALUE_TYPES, delete_contacts, read_locked, replace_terms
from resolvers.values.custom_values import VALUE_COLUMNS

APPOINTMENT_TYPES = {
    "id": "bigint",
    "contact_id": "bigint",
    "title": "text",
    "title_folded": "text",
    "location": "text",
    "location_folded": "text",
    "status": "text",
    "starts_at": "bigint",
    "ends_at": "bigint",
    "created_at": "bigint",
    "updated_at": "bigint",
}
APPOINTMENT_COLUMNS = ", ".join(APPOINTMENT_TYPES)
VALUES = ", ".join(VALUE_COLUMNS)


def _declared(types: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items())


READ_TAGGINGS = "SELECT contact_id, tag_id, tagged_at, tagged_by_id FROM taggings WHERE contact_id = ANY(:contacts)"
READ_APPOINTMENTS = f"SELECT {APPOINTMENT_COLUMNS} FROM appointments WHERE contact_id = ANY(:contacts)"  # noqa: S608  # columns of ours
READ_VALUES = f"SELECT contact_id, field_id, ordinal, {VALUES} FROM custom_values WHERE contact_id = ANY(:contacts)"  # noqa: S608
# A user who is gone owns nobody any more.
RESTORE_CONTACTS = f"""
    INSERT INTO contacts (id, account_id, {COLUMNS})
    SELECT id, CAST(:account AS bigint), {COLUMNS.replace("owner_id", "(SELECT id FROM users WHERE id = given.owner_id)")}
    FROM ROWS(:contacts AS given(id bigint, {_declared(TYPES)})) WHERE true
"""  # noqa: S608  # columns of ours
RESTORE_APPOINTMENTS = f"""
    INSERT INTO appointments (account_id, {APPOINTMENT_COLUMNS}) SELECT CAST(:account AS bigint), {APPOINTMENT_COLUMNS}
    FROM ROWS(:appointments AS given({_declared(APPOINTMENT_TYPES)})) WHERE true
"""  # noqa: S608  # columns of ours
RESTORE_VALUES = f"""
    INSERT INTO custom_values (account_id, contact_id, field_id, ordinal, {VALUES})
    SELECT CAST(:account AS bigint), contact_id, field_id, ordinal, {VALUES}
    FROM ROWS(:given AS given(contact_id bigint, field_id bigint, ordinal int, {VALUE_TYPES})) WHERE true
"""  # noqa: S608  # columns of ours


@dataclass(frozen=True, slots=True)
class Deletion:
    """The end of contacts, with their taggings, appointments and memberships."""

    @property
    def needs(self) -> Collection[Need]:
        """Nothing."""
        return ()

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"delete": True}

    async def carry_out(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Delete these contacts."""
        contacts = await read_locked(change, contact_ids)
        given = {"contacts": sorted(contacts)}
        taggings = await change.database.rows(READ_TAGGINGS, **given)
        appointments = await change.database.rows(READ_APPOINTMENTS, **given)
        values = await change.database.rows(READ_VALUES, **given)
        for appointment in appointments:
            change.delete(RecordType.APPOINTMENT, appointment["id"])
        for contact_id in contacts:
            change.delete(RecordType.CONTACT, contact_id)
        await delete_contacts(change, given["contacts"])
        rows = [{"id": contact_id, **contact} for contact_id, contact in contacts.items()]
        inverse = {"contacts": rows, "taggings": taggings, "appointments": appointments, "values": values}
        return Outcome(len(contacts), inverse=inverse)

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Bring the contacts back, all but those whose e-mail address another contact has by now; tags and fields that are gone stay so."""
        taken = await taken_emails(change, (contact["email"] for contact in inverse["contacts"]))
        contacts = [contact for contact in inverse["contacts"] if contact["email_folded"] not in taken]
        back = {contact["id"] for contact in contacts}
        poorer: set[int] = set()
        if contacts:
            poorer = await self._restore(change, {kind: _of(rows, back) for kind, rows in inverse.items() if kind != "contacts"}, contacts)
        return Outcome(len(contacts), kept=len(inverse["contacts"]) - len(contacts) + len(poorer))

    async def _restore(self, change: Change, belongings: dict[str, list[Document]], contacts: list[Document]) -> set[int]:
        """Bring these contacts back with what was theirs; returns those of whom a tagging or a value could not come back."""
        database, account = change.database, change.account_id
        await database.rows(RESTORE_CONTACTS, account=account, contacts=contacts)
        await replace_terms(change, {}, {contact["id"]: terms_of(contact) for contact in contacts})
        untagged = await _restore_taggings(change, belongings["taggings"])
        await database.rows(RESTORE_APPOINTMENTS, account=account, appointments=belongings["appointments"])
        unset = await _restore_values(change, belongings["values"])
        for contact in contacts:
            change.create(RecordType.CONTACT, contact["id"])
        for contact_id, _ in groupby(belongings["appointments"], itemgetter("contact_id")):
            change.create(RecordType.APPOINTMENT, contact_id)
        return untagged | unset


async def _restore_taggings(change: Change, taggings: list[Document]) -> set[int]:
    restored = {*await restore_taggings(change, taggings)}
    return {row["contact_id"] for row in taggings if (row["contact_id"], row["tag_id"]) not in restored}


async def _restore_values(change: Change, values: list[Document]) -> set[int]:
    fields = await existing_fields(change, {row["field_id"] for row in values})
    there = [row for row in values if row["field_id"] in fields]
    await change.database.rows(RESTORE_VALUES, account=change.account_id, given=there)
    return {row["contact_id"] for row in values if row["field_id"] not in fields}


def _of(rows: Any, contact_ids: set[int]) -> list[Document]:
    return [row for row in rows if row["contact_id"] in contact_ids]
