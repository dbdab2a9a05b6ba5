"""Contacts: find, create, update and delete them one at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from models import ChangeCause, Contact
from models.errors import ProblemCode, refuse
from models.ids import to_global_id
from models.orm.keyset import Order
from models.text import fold, storable
from resolvers.access.roles import require_editor
from resolvers.criteria.language.record_types import CONTACT
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, id_or_none, unknown
from resolvers.reading import paging
from resolvers.reading.criteria_input import matching
from resolvers.reading.paging import Page, PageArguments
from resolvers.reading.search import search_contacts
from resolvers.records.contact_table import delete_contacts
from resolvers.records.drafts import Aim, Row
from resolvers.records.save_contacts import save_contacts
from resolvers.tagging.references import TagRef
from resolvers.values.custom_values import as_json
from resolvers.write import write

ORDERS = {
    "ID": None,
    "CREATED_AT": "created_at",
    "UPDATED_AT": "updated_at",
    "EMAIL": "email_folded",
    "LAST_NAME": "last_name_folded",
    "COMPANY": "company_folded",
    "COUNTRY": "country_folded",
    "SCORE": "score",
    "LAST_ACTIVITY_AT": "last_activity_at",
}


async def contact_by(context: Context, by: Mapping[str, str]) -> Contact | None:
    """Return the contact with an id or an e-mail address, or None. The address matches in any case."""
    if "id" in by:
        number = id_or_none(by["id"], "Contact")
        return None if number is None else await context.loaders.contacts_by_id.load(number)
    email = by["email"]
    return await context.scope.contacts.get_or_none(email_folded=fold(email)) if storable(email) else None


async def contacts(
    context: Context, *, where: Mapping[str, Any] | None, search: str | None, order: tuple[str, str] | None, page: PageArguments
) -> Page[Contact]:
    """Return a page of the contacts that match the criteria and the search, in the given order."""
    field, direction = order or ("ID", "ASC")
    found = await matching(context, "contacts", where=where, among=search_contacts(context, search))
    by = Order(f"contacts {field}", ORDERS[field], descending=direction == "DESC")
    return await paging.page(found, page, order=by, limits=context.services.pages)


async def create_contact(
    context: Context, *, fields: Mapping[str, Any], tags: Sequence[TagRef] = (), create_missing_tags: bool = False
) -> Contact:
    """Create a contact. Its e-mail address must be new in the account."""
    return await _save(context, ChangeCause.RECORD_CREATED, Row(fields, tags, create_missing_tags, Aim.CREATE))


async def update_contact(context: Context, *, contact_id: str, fields: Mapping[str, Any]) -> Contact:
    """Change these fields of a contact. An absent field stays as it is, and None clears it."""
    row = Row(fields, aim=Aim.UPDATE, contact_id=id_of(contact_id, "Contact", "contact"))
    return await _save(context, ChangeCause.RECORD_CHANGED, row)


async def upsert_contact(
    context: Context, *, fields: Mapping[str, Any], tags: Sequence[TagRef] = (), create_missing_tags: bool = False
) -> Contact:
    """Change the contact with this e-mail address and add tags to it, or create it if there is none."""
    if not (fields.get("email") or "").strip():
        raise refuse(ProblemCode.BLANK, "An upsert finds the contact by its e-mail address. Give one.", "input", "fields", "email")
    return await _save(context, ChangeCause.RECORD_CHANGED, Row(fields, tags, create_missing_tags, Aim.UPSERT))


async def _save(context: Context, cause: ChangeCause, row: Row) -> Contact:
    require_editor(context)

    async def work(change: Change) -> Contact:
        result = await save_contacts(context, change, [row])
        result.raise_any()
        # Read before the commit, after which somebody else may delete the contact.
        return await context.scope.contacts.get(id=result.contact_ids[0])

    return await write(context, cause, work)


async def delete_contact(context: Context, contact_id: str) -> str:
    """Delete a contact with its taggings, its memberships and the records that it owns. Return the deleted id."""
    require_editor(context)
    number = id_of(contact_id, "Contact", "contact")

    async def work(change: Change) -> None:
        if not await change.lock_contacts([number]):
            raise unknown("contact")
        for record_type in context.services.record_types.owned:
            for record in await context.scope.records(record_type).filter(contact_id=number).values("id"):
                change.note_deleted(record_type, record["id"])
        change.note_deleted(CONTACT, number)
        await delete_contacts(change, [number])

    await write(context, ChangeCause.RECORD_DELETED, work)
    return to_global_id("Contact", number)


async def custom_fields_of(context: Context, contact: Contact) -> dict[str, Any]:
    """Return the values of a contact's custom fields by key, as clients read them, without the fields that are empty."""
    values = await context.loaders.custom_values_by_contact.load(contact.id)
    fields = await context.loaders.custom_fields_by_id.load_many({value.field_id: None for value in values})
    return {
        field.key: as_json(field, [value for value in values if value.field_id == field.id])
        for field in sorted((field for field in fields if field), key=lambda field: field.key)
    }
