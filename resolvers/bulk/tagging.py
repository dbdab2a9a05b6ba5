"""Adding tags to many contacts and removing others."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from models.database import Rows
from models.errors import NotFound
from models.fields import to_microseconds
from resolvers.bulk.locks import lock
from resolvers.bulk.outcome import Document, Outcome
from resolvers.criteria.mentions import Mention
from resolvers.membership.change import UPDATED_AT, Change, Sweep
from resolvers.membership.known import KnownTags
from resolvers.membership.numbers import ELEMENTS, lists_of, numbers
from resolvers.taggings import MARK_UPDATED

Pair = tuple[int, int]  # of contact and tag
Contacts = dict[int, list[int]]  # by tag

EXISTING = "SELECT id FROM tags WHERE account_id = :account AND id = ANY(:tags)"
# What is being added has no statistics yet: PostgreSQL is to find it by contact, and by nothing else.
LACKING = """
    SELECT id FROM contacts WHERE account_id = :account AND id = ANY(:contacts)
    AND NOT EXISTS (SELECT 1 FROM taggings WHERE contact_id = contacts.id AND tag_id + 0 = :tag)
    AND EXISTS (SELECT 1 FROM tags WHERE account_id = :account AND id = :tag)
"""
ADD = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT CAST(:account AS bigint), CAST(element.value AS bigint), list.tag_id, CAST(:at AS bigint), CAST(:actor AS bigint)
    FROM ROWS(:lists AS list(tag_id bigint, ids text)) CROSS JOIN {elements}
"""
REMOVE = """
    DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id = ANY(:tags)
    RETURNING contact_id, tag_id, tagged_at, tagged_by_id
"""
AS_ADDED = "SELECT contact_id AS id FROM taggings WHERE contact_id = ANY(:contacts) AND tag_id + 0 = :tag AND tagged_at = :at"
TAKE_BACK = "DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id + 0 = :tag"
RESTORE = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT tags.account_id, given.contact_id, tags.id, given.tagged_at, users.id
    FROM ROWS(:taggings AS given(contact_id bigint, tag_id bigint, tagged_at bigint, tagged_by_id bigint))
    JOIN tags ON tags.id = given.tag_id LEFT JOIN users ON users.id = given.tagged_by_id
    WHERE true ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id
"""


@dataclass(frozen=True, slots=True)
class TagChange:
    """Tags to add to contacts, and others to remove; a tag that a contact already carries keeps its time."""

    add: tuple[int, ...]
    remove: tuple[int, ...]

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"tags": {"add": self.add, "remove": self.remove}}

    async def carry_out(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Change the tags of these contacts."""
        given: dict[str, Any] = {"account": change.account_id, "contacts": contact_ids, "at": to_microseconds(change.at)}
        added: Contacts = {}
        removed: Rows = []
        if self.add:
            added = await self._add(change, contact_ids)
        if self.remove:
            removed = await change.database.rows(REMOVE, **given, tags=self.remove)
        contacts = {*chain(*added.values()), *_contacts(removed)}
        await _note(change, contacts, KnownTags(frozenset(self.add), frozenset(self.remove)), {*self.add, *self.remove})
        return Outcome(len(contacts), inverse={"at": given["at"], "added": list(added.items()), "removed": removed})

    async def _add(self, change: Change, contact_ids: Sequence[int]) -> Contacts:
        # Looked for before rather than returned after: SQLite would return a row for each.
        given: dict[str, Any] = {"account": change.account_id, "contacts": contact_ids}
        added = {tag_id: await numbers(change.database, LACKING, tag=tag_id, **given) for tag_id in self.add}
        if not all(added.values()):
            await self._require_tags(change)
        lists = [{"tag_id": tag_id, "ids": ids} for tag_id, contacts in added.items() for ids in lists_of(contacts)]
        given = {"account": change.account_id, "actor": change.actor_id, "at": to_microseconds(change.at)}
        if lists:
            await change.database.rows(ADD.format(elements=ELEMENTS[change.database.engine]), lists=lists, **given)
        return added

    async def _require_tags(self, change: Change) -> None:
        found = await change.database.rows(EXISTING, account=change.account_id, tags=self.add)
        if len(found) < len(self.add):
            raise NotFound("A tag that was to be added has been deleted.")

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Remove the tags that were added, unless they were added anew since, and add those that were removed."""
        added: Contacts = dict(inverse["added"])
        removed: Rows = inverse["removed"]
        there = await lock(change, {*chain(*added.values()), *_contacts(removed)})
        gone = await _take_back(change, added, inverse["at"])
        back = _by_tag(await restore_taggings(change, [row for row in removed if row["contact_id"] in there]))
        changed = {*chain(*gone.values(), *back.values())}
        await _note(change, changed, KnownTags(_of_all(changed, back), _of_all(changed, gone)), {*gone, *back})
        kept = _left(added, gone) | _left(_by_tag(_pairs(removed)), back)
        return Outcome(len(changed), kept=len(kept))


async def _take_back(change: Change, added: Contacts, at: int) -> Contacts:
    found: Contacts = {}
    for tag_id, contacts in added.items():
        found[tag_id] = await numbers(change.database, AS_ADDED, contacts=contacts, tag=tag_id, at=at)
        await change.database.rows(TAKE_BACK, account=change.account_id, contacts=found[tag_id], tag=tag_id)
    return found


def _of_all(contacts: set[int], by_tag: Contacts) -> frozenset[int]:
    """The tags whose contacts are all of these."""
    return frozenset(tag_id for tag_id, found in by_tag.items() if contacts.issubset(found))


def _left(wanted: Contacts, done: Contacts) -> set[int]:
    return {contact_id for tag_id, contacts in wanted.items() for contact_id in {*contacts}.difference(done.get(tag_id, ()))}


async def restore_taggings(change: Change, taggings: Sequence[Document]) -> list[Pair]:
    """Bring back taggings with their time and their author; returns those that were missing, and whose tags exist."""
    return _pairs(await change.database.rows(RESTORE, taggings=taggings)) if taggings else []


def _pairs(rows: Iterable[Document]) -> list[Pair]:
    return [(row["contact_id"], row["tag_id"]) for row in rows]


def _contacts(rows: Iterable[Document]) -> list[int]:
    return [row["contact_id"] for row in rows]


def _by_tag(pairs: Iterable[Pair]) -> Contacts:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for contact_id, tag_id in pairs:
        found[tag_id].append(contact_id)
    return found


async def _note(change: Change, contact_ids: set[int], known: KnownTags, tag_ids: Collection[int]) -> None:
    """Say that these tags of these contacts have changed."""
    if contact_ids:
        contacts = sorted(contact_ids)
        await change.database.rows(MARK_UPDATED, at=to_microseconds(change.at), account=change.account_id, contacts=contacts)
        change.sweep(Sweep(contacts, frozenset([UPDATED_AT, *(Mention("tag", tag_id) for tag_id in tag_ids)]), known))
