"""Add tags to contacts and remove them, for many contacts in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from models import ChangeCause, Contact, Tag, Tagging
from models.engine.database import Database, Rows
from models.errors import ProblemCode, refuse
from models.fields import to_microseconds
from resolvers.access.roles import require_editor
from resolvers.criteria.language.mentions import Mention
from resolvers.membership.change import CONTACT_UPDATED, LOCK, Change
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from resolvers.tagging.references import (
    FIND,
    FoundTags,
    TagRef,
    check_count,
    create_tags,
    find_parameters,
    find_tags,
    found_tags,
    missing_names,
)
from resolvers.values.validation import Problems
from resolvers.write import write

MOST_CONTACTS = 1000  # of one call, because they are locked until it ends
PATH = ("input", "tags")
Statements = tuple[str, str]  # one sets `updated_at` where a tagging will change, the other changes taggings

# `+ 0` keeps SQLite from reading all tags of the account by the index of account_id, instead of a few by id.
ADD = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT contacts.account_id, contacts.id, tags.id, CAST(:at AS bigint), CAST(:actor AS bigint) FROM contacts CROSS JOIN tags
    WHERE contacts.account_id = :account AND contacts.id = ANY(:contacts) AND tags.account_id + 0 = :account AND tags.id = ANY(:tags)
    ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id
"""
REMOVE = """
    DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id = ANY(:tags)
    RETURNING contact_id, tag_id
"""
MARK_UPDATED = "UPDATE contacts SET updated_at = :at WHERE account_id = :account AND id = ANY(:contacts)"
PRESENT = "(SELECT count(*) FROM taggings WHERE taggings.account_id = :account AND contact_id = contacts.id AND tag_id = ANY(:tags))"
MARK_TO_ADD = f"{MARK_UPDATED} AND {PRESENT} < :count"
MARK_TO_REMOVE = f"{MARK_UPDATED} AND {PRESENT} > 0"


@dataclass(frozen=True, slots=True)
class TagResult:
    """The contacts after the change, and how many taggings changed."""

    contacts: Sequence[Contact]
    changed: int


async def add_tags(context: Context, *, contact_ids: Sequence[str], tags: Sequence[TagRef], create_missing: bool = False) -> TagResult:
    """Tag these contacts. A tagging that exists keeps its time."""
    return await _change_tags(context, contact_ids, tags, statements=(MARK_TO_ADD, ADD), create_missing=create_missing)


async def remove_tags(context: Context, *, contact_ids: Sequence[str], tags: Sequence[TagRef]) -> TagResult:
    """Remove these tags from these contacts."""
    return await _change_tags(context, contact_ids, tags, statements=(MARK_TO_REMOVE, REMOVE), create_missing=False)


async def _change_tags(
    context: Context, contact_ids: Sequence[str], tags: Sequence[TagRef], *, statements: Statements, create_missing: bool
) -> TagResult:
    require_editor(context)
    if len(contact_ids) > MOST_CONTACTS:
        raise refuse(ProblemCode.LIMIT_EXCEEDED, f"Name at most {MOST_CONTACTS:,} contacts in a call.", "input", "contactIds")
    ids = list(dict.fromkeys(id_of(contact_id, "Contact", "contact") for contact_id in contact_ids))
    problems = Problems()
    check_count(tags, problems, *PATH)
    problems.raise_any()

    async def work(change: Change) -> tuple[Rows, int]:
        if create_missing:
            await create_missing_tags(change, tags, *PATH)
        lock = LOCK[change.database.engine].format(columns="*")
        known, contacts = await change.database.answers(
            FIND, lock, account=change.account_id, contact_ids=sorted(ids), **find_parameters(tags)
        )
        tag_ids = _tag_ids(tags, found_tags(known))
        if len(change.note_locked(contacts)) < len(ids):
            raise unknown("contact")
        return await _carry_out(change, statements, contacts, sorted(tag_ids))

    rows, changed = await write(context, ChangeCause.TAGS_CHANGED, work)
    contacts = context.loaders.remember_contacts(rows)
    return TagResult([contacts[contact_id] for contact_id in ids], changed)


async def create_missing_tags(change: Change, tags: Sequence[TagRef], *path: str) -> None:
    """Create those of these tags that do not exist.

    Every write does this before it locks contacts, so that no two writes wait for each other.
    """
    problems = Problems()
    missing = missing_names(tags, await find_tags(change, tags), problems, *path)
    problems.raise_any()
    if missing:
        await create_tags(change, missing)


def _tag_ids(tags: Sequence[TagRef], known: FoundTags) -> set[int]:
    problems = Problems()
    found = known.ids_of(tags, problems, *PATH)
    problems.raise_any()
    return found


async def _carry_out(change: Change, statements: Statements, contacts: Rows, tag_ids: list[int]) -> tuple[Rows, int]:
    """Change the taggings, and return the contacts after the change with the number of changed taggings."""
    given = {"account": change.account_id, "contacts": [row["id"] for row in contacts], "tags": tag_ids, "count": len(tag_ids)}
    at = to_microseconds(change.at)
    rows = await _run(change.database, statements, given | {"at": at, "actor": change.actor_id})
    for row in rows:
        change.touch(row["contact_id"], Mention("tag", row["tag_id"]), CONTACT_UPDATED)
    changed = {row["contact_id"] for row in rows}
    present = [row | {"updated_at": at} if row["id"] in changed else row for row in contacts]
    change.note_rows(present)
    return present, len(rows)


async def _run(database: Database, statements: Statements, given: dict[str, Any]) -> Rows:
    """Run both statements and return the changed taggings. Neither depends on the other, so PostgreSQL runs both as one."""
    mark, change = statements
    if database.engine == "postgresql":
        return await database.rows(f"WITH marked AS ({mark}) {change}", **given)
    return (await database.run(mark, change, **given))[1]


async def tags_of(context: Context, contact: Contact) -> list[Tag]:
    """Return a contact's tags by name."""
    return await context.loaders.tags_by_contact.load(contact.id)


async def taggings_of(context: Context, contact: Contact) -> list[Tagging]:
    """Return a contact's taggings by the name of the tag."""
    taggings = await context.loaders.taggings_by_contact.load(contact.id)
    position = {tag.id: index for index, tag in enumerate(await tags_of(context, contact))}
    return sorted((tagging for tagging in taggings if tagging.tag_id in position), key=lambda tagging: position[tagging.tag_id])
