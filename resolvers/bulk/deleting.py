"""Deleting many contacts, and bringing them back with all that belonged to them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from models.orm.columns import value_columns
from resolvers.bulk.editing import existing_fields, taken_emails
from resolvers.bulk.needs import Need
from resolvers.bulk.outcome import Document, Outcome
from resolvers.bulk.tagging import restore_taggings
from resolvers.criteria.language.record_types import CONTACT, RecordType, RecordTypes
from resolvers.membership.change import Change
from resolvers.reading.search import terms_of
from resolvers.records.contact_table import COLUMNS, TYPES, VALUE_TYPES, delete_contacts, read_locked, replace_terms
from resolvers.values.custom_values import VALUE_COLUMNS

VALUES = ", ".join(VALUE_COLUMNS)


def _declared(types: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in types.items())


READ_TAGGINGS = "SELECT contact_id, tag_id, tagged_at, tagged_by_id FROM taggings WHERE contact_id = ANY(:contacts)"
READ_OWNED = "SELECT id, contact_id, {columns} FROM {table} WHERE contact_id = ANY(:contacts)"
READ_VALUES = f"SELECT contact_id, field_id, ordinal, {VALUES} FROM custom_values WHERE contact_id = ANY(:contacts)"  # noqa: S608
# A user who is gone owns nobody any more.
RESTORE_CONTACTS = f"""
    INSERT INTO contacts (id, account_id, {COLUMNS})
    SELECT id, CAST(:account AS bigint), {COLUMNS.replace("owner_id", "(SELECT id FROM users WHERE id = given.owner_id)")}
    FROM ROWS(:contacts AS given(id bigint, {_declared(TYPES)})) WHERE true
"""  # noqa: S608  # columns of ours
RESTORE_OWNED = """
    INSERT INTO {table} (account_id, id, contact_id, {columns}) SELECT CAST(:account AS bigint), id, contact_id, {columns}
    FROM ROWS(:records AS given(id bigint, contact_id bigint, {types})) WHERE true
"""
RESTORE_VALUES = f"""
    INSERT INTO custom_values (account_id, contact_id, field_id, ordinal, {VALUES})
    SELECT CAST(:account AS bigint), contact_id, field_id, ordinal, {VALUES}
    FROM ROWS(:given AS given(contact_id bigint, field_id bigint, ordinal int, {VALUE_TYPES})) WHERE true
"""  # noqa: S608  # columns of ours


@cache
def _for(record_type: RecordType, statement: str) -> str:
    """The statement for the table of these records."""
    columns = value_columns(record_type.model)
    return statement.format(table=record_type.table, columns=", ".join(columns), types=_declared(columns))


@dataclass(frozen=True, slots=True)
class Deletion:
    """Deletes contacts with their taggings, their memberships and the records that they own."""

    record_types: RecordTypes

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
        owned = {each: await change.database.rows(_for(each, READ_OWNED), **given) for each in self.record_types.owned}
        values = await change.database.rows(READ_VALUES, **given)
        for record_type, records in owned.items():
            for record in records:
                change.delete(record_type, record["id"])
        for contact_id in contacts:
            change.delete(CONTACT, contact_id)
        await delete_contacts(change, given["contacts"])
        rows = [{"id": contact_id, **contact} for contact_id, contact in contacts.items()]
        inverse = {"contacts": rows, "taggings": taggings, **{each.key: rows for each, rows in owned.items()}, "values": values}
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
        owned = {each: belongings.get(each.key, []) for each in self.record_types.owned}  # undone may be what an older release deleted
        for record_type, records in owned.items():
            await database.rows(_for(record_type, RESTORE_OWNED), account=account, records=records)
        unset = await _restore_values(change, belongings["values"])
        for contact in contacts:
            change.create(CONTACT, contact["id"])
        for record_type, records in owned.items():
            for contact_id, _ in groupby(records, itemgetter("contact_id")):
                change.create(record_type, contact_id)
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
