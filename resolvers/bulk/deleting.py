"""Bulk deletion of contacts, and restoring them with everything that belonged to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from models.orm.columns import value_columns
from resolvers.bulk.bulk_change import Document, Outcome
from resolvers.bulk.editing import existing_fields, taken_emails
from resolvers.bulk.needs import Need
from resolvers.bulk.statements import (
    READ_OWNED,
    READ_TAGGINGS,
    READ_VALUES,
    RESTORE_CONTACTS,
    RESTORE_OWNED,
    RESTORE_VALUES,
    declared,
)
from resolvers.bulk.tagging import restore_taggings
from resolvers.criteria.language.record_types import CONTACT, RecordType, RecordTypes
from resolvers.membership.change import Change
from resolvers.reading.search import terms_of
from resolvers.records.contact_table import delete_contacts, read_locked, replace_terms


@cache
def _for(record_type: RecordType, statement: str) -> str:
    """The statement for the table of these records."""
    columns = value_columns(record_type.model)
    return statement.format(table=record_type.table, columns=", ".join(columns), types=declared(columns))


@dataclass(frozen=True, slots=True)
class Deletion:
    """Deletes contacts with their taggings, custom values and memberships, and the records that they own."""

    record_types: RecordTypes

    @property
    def needs(self) -> Collection[Need]:
        """Nothing."""
        return ()

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"delete": True}

    async def apply(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Delete these contacts."""
        contacts = await read_locked(change, contact_ids)
        ids = sorted(contacts)
        taggings = await change.database.rows(READ_TAGGINGS, account=change.account_id, contacts=ids)
        owned = {
            record_type: await change.database.rows(_for(record_type, READ_OWNED), account=change.account_id, contacts=ids)
            for record_type in self.record_types.owned
        }
        values = await change.database.rows(READ_VALUES, account=change.account_id, contacts=ids)
        for record_type, records in owned.items():
            for record in records:
                change.note_deleted(record_type, record["id"])
        for contact_id in contacts:
            change.note_deleted(CONTACT, contact_id)
        await delete_contacts(change, ids)
        rows = [{"id": contact_id, **contact} for contact_id, contact in contacts.items()]
        inverse = {"contacts": rows, "taggings": taggings, **{each.key: rows for each, rows in owned.items()}, "values": values}
        return Outcome(len(contacts), inverse=inverse)

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Restore the contacts, except those whose e-mail address another contact has by now, without tags and fields that are gone."""
        taken = await taken_emails(change, (contact["email"] for contact in inverse["contacts"]))
        contacts = [contact for contact in inverse["contacts"] if contact["email_folded"] not in taken]
        restored = {contact["id"] for contact in contacts}
        incomplete: set[int] = set()
        if contacts:
            belongings = {kind: _of(rows, restored) for kind, rows in inverse.items() if kind != "contacts"}
            incomplete = await self._restore(change, belongings, contacts)
        return Outcome(len(contacts), kept=len(inverse["contacts"]) - len(contacts) + len(incomplete))

    async def _restore(self, change: Change, belongings: dict[str, list[Document]], contacts: list[Document]) -> set[int]:
        """Restore these contacts with what belonged to them. Returns those of which a tagging or a value could not be restored."""
        database, account = change.database, change.account_id
        await database.rows(RESTORE_CONTACTS, account=account, contacts=contacts)
        await replace_terms(change, {}, {contact["id"]: terms_of(contact) for contact in contacts})
        untagged = await _restore_taggings(change, belongings["taggings"])
        # The inverse may be of an older release, which knew fewer types.
        owned = {record_type: belongings.get(record_type.key, []) for record_type in self.record_types.owned}
        for record_type, records in owned.items():
            await database.rows(_for(record_type, RESTORE_OWNED), account=account, records=records)
        unset = await _restore_values(change, belongings["values"])
        for contact in contacts:
            change.note_created(CONTACT, contact["id"])
        for record_type, records in owned.items():
            for contact_id, _ in groupby(records, itemgetter("contact_id")):
                change.note_created(record_type, contact_id)
        return untagged | unset


async def _restore_taggings(change: Change, taggings: list[Document]) -> set[int]:
    restored = {*await restore_taggings(change, taggings)}
    return {row["contact_id"] for row in taggings if (row["contact_id"], row["tag_id"]) not in restored}


async def _restore_values(change: Change, values: list[Document]) -> set[int]:
    fields = await existing_fields(change, {row["field_id"] for row in values})
    possible = [row for row in values if row["field_id"] in fields]
    await change.database.rows(RESTORE_VALUES, account=change.account_id, given=possible)
    return {row["contact_id"] for row in values if row["field_id"] not in fields}


def _of(rows: Any, contact_ids: set[int]) -> list[Document]:
    return [row for row in rows if row["contact_id"] in contact_ids]
