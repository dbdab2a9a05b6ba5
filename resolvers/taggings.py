"""Tagging contacts and removing tags from them, any number at once, in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass

from models import ChangeCause, Contact, Tag, Tagging
from models.errors import ProblemCode, refuse
from models.fields import to_microseconds
from resolvers.access import require_editor
from resolvers.context import Context
from resolvers.criteria.mentions import Mention
from resolvers.identify import id_of, unknown
from resolvers.membership.change import Change
from resolvers.rules import Problems
from resolvers.tag_refs import TagRef, check_count, create_tags, find_tags, missing_names
from resolvers.write import write

MOST_CONTACTS = 1000  # of one call: they are locked until it ends
PATH = ("input", "tags")

ADD = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT contacts.account_id, contacts.id, tags.id, CAST(:at AS bigint), CAST(:actor AS bigint) FROM contacts CROSS JOIN tags
    WHERE contacts.account_id = :account AND contacts.id = ANY(:contacts) AND tags.account_id = :account AND tags.id = ANY(:tags)
    ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id
"""
REMOVE = """
    DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id = ANY(:tags)
    RETURNING contact_id, tag_id
"""
MARK_UPDATED = "UPDATE contacts SET updated_at = :at WHERE account_id = :account AND id = ANY(:contacts)"


@dataclass(frozen=True, slots=True)
class TagResult:
    """The contacts as they are now, and how many taggings really changed."""

    contacts: Sequence[Contact]
    changed: int


async def add_tags(context: Context, *, contact_ids: Sequence[str], tags: Sequence[TagRef], create_missing: bool = False) -> TagResult:
    """Tag these contacts; a tag that a contact already carries keeps its time."""
    return await _change_tags(context, contact_ids, tags, statement=ADD, create_missing=create_missing)


async def remove_tags(context: Context, *, contact_ids: Sequence[str], tags: Sequence[TagRef]) -> TagResult:
    """Remove these tags from these contacts."""
    return await _change_tags(context, contact_ids, tags, statement=REMOVE, create_missing=False)


async def _change_tags(
    context: Context, contact_ids: Sequence[str], tags: Sequence[TagRef], *, statement: str, create_missing: bool
) -> TagResult:
    require_editor(context)
    if len(contact_ids) > MOST_CONTACTS:
        raise refuse(ProblemCode.LIMIT_EXCEEDED, f"Name at most {MOST_CONTACTS:,} contacts in a call.", "input", "contactIds")
    ids = list(dict.fromkeys(id_of(contact_id, "Contact", "contact") for contact_id in contact_ids))

    async def work(change: Change) -> int:
        tag_ids = await _tag_ids(change, tags, create_missing=create_missing)
        if len(await change.lock_contacts(ids)) < len(ids):
            raise unknown("contact")
        return await _carry_out(change, statement, ids, sorted(tag_ids))

    changed = await write(context, ChangeCause.TAGS_CHANGED, work)
    contacts = await context.loaders.contacts_by_id.load_many(ids)
    return TagResult([contact for contact in contacts if contact], changed)


async def _tag_ids(change: Change, tags: Sequence[TagRef], *, create_missing: bool) -> set[int]:
    problems = Problems()
    check_count(tags, problems, *PATH)
    problems.raise_any()
    known = await find_tags(change, tags)
    missing = missing_names(tags, known, problems, *PATH) if create_missing else {}
    problems.raise_any()
    if missing:
        await create_tags(change, missing)
        known = await find_tags(change, tags)
    found = known.ids_of(tags, problems, *PATH)
    problems.raise_any()
    return found


async def _carry_out(change: Change, statement: str, contact_ids: list[int], tag_ids: list[int]) -> int:
    given = {"account": change.account_id, "contacts": contact_ids, "tags": tag_ids, "at": to_microseconds(change.at)}
    rows = await change.database.rows(statement, **given, actor=change.actor_id)
    for row in rows:
        change.touch(row["contact_id"], Mention("tag", row["tag_id"]), Mention("contact", "updated_at"))
    changed = sorted({row["contact_id"] for row in rows})
    if changed:
        await change.database.rows(MARK_UPDATED, at=given["at"], account=change.account_id, contacts=changed)
    return len(rows)


async def tags_of(context: Context, contact: Contact) -> list[Tag]:
    """The tags that a contact carries, by name."""
    return await context.loaders.tags_by_contact.load(contact.id)


async def taggings_of(context: Context, contact: Contact) -> list[Tagging]:
    """A contact's taggings, in the order of the tags' names."""
    taggings = await context.loaders.taggings_by_contact.load(contact.id)
    position = {tag.id: index for index, tag in enumerate(await tags_of(context, contact))}
    return sorted((tagging for tagging in taggings if tagging.tag_id in position), key=lambda tagging: position[tagging.tag_id])
