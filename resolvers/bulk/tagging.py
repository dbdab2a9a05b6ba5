"""Adding tags to many contacts and removing others."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from models.engine.database import Database, Rows
from models.fields import to_microseconds
from models.orm.numbers import ELEMENTS, by_key, lists_of, numbers
from resolvers.bulk.locks import lock
from resolvers.bulk.needs import Need
from resolvers.bulk.outcome import Document, Outcome
from resolvers.criteria.language.mentions import Mention
from resolvers.membership.change import CONTACT_UPDATED, Change, CommonTags, ContactBatch
from resolvers.tagging.taggings import MARK_UPDATED

Pair = tuple[int, int]  # of contact and tag
Contacts = dict[int, list[int]]  # by tag

# Contacts are looked up one by one: PostgreSQL would take a join for a reason to read all of them.
ADD = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT tags.account_id, CAST(element.value AS bigint), tags.id, CAST(:at AS bigint), CAST(:actor AS bigint)
    FROM ROWS(:lists AS list(tag_id bigint, ids text)) JOIN tags ON tags.id = list.tag_id CROSS JOIN {elements}
    WHERE tags.account_id = :account AND (SELECT account_id FROM contacts WHERE id = CAST(element.value AS bigint)) = :account
    ON CONFLICT (contact_id, tag_id) DO NOTHING
"""
# SQLite would return a row for each, and knows them as well by their ids, which only grow.
LAST = "SELECT coalesce(max(id), 0) AS id FROM taggings"
ADD_ON_SQLITE = (
    ADD.format(elements=ELEMENTS["sqlite"]),
    """
    SELECT tag_id AS key, json_group_array(contact_id) AS ids FROM taggings
    WHERE tag_id = ANY(:tags) AND tagged_at = :at AND id > :last GROUP BY tag_id
    """,
)
ADD_ON_POSTGRESQL = f"""
    WITH added AS ({ADD.format(elements=ELEMENTS["postgresql"])} RETURNING tag_id, contact_id)
    SELECT tag_id AS key, array_agg(contact_id) AS ids FROM added GROUP BY tag_id
"""  # noqa: S608  # a statement of our own
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

    @property
    def needs(self) -> Collection[Need]:
        """The tags: one that was to be removed may have been merged into another, which its contacts carry now."""
        return {Need("tag", tag_id) for tag_id in (*self.add, *self.remove)}

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"tags": {"add": self.add, "remove": self.remove}}

    async def carry_out(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Change the tags of these contacts."""
        at = to_microseconds(change.at)
        added = await self._add(change, contact_ids) if self.add else {}
        removed: Rows = []
        if self.remove:
            removed = await change.database.rows(REMOVE, account=change.account_id, contacts=contact_ids, tags=self.remove)
        contacts = {*chain(*added.values()), *_contacts(removed)}
        await _note(change, contacts, CommonTags(frozenset(self.add), frozenset(self.remove)), {*self.add, *self.remove})
        return Outcome(len(contacts), inverse={"at": at, "added": list(added.items()), "removed": removed})

    async def _add(self, change: Change, contact_ids: Sequence[int]) -> Contacts:
        lists = [{"tag_id": tag_id, "ids": ids} for tag_id in self.add for ids in lists_of(contact_ids)]
        given = {"account": change.account_id, "actor": change.actor_id, "at": to_microseconds(change.at), "tags": self.add, "lists": lists}
        return by_key(await _add_taggings(change.database, given))

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Remove the tags that were added, unless they were added anew since, and add those that were removed."""
        added: Contacts = dict(inverse["added"])
        removed: Rows = inverse["removed"]
        there = await lock(change, {*chain(*added.values()), *_contacts(removed)})
        gone = await _take_back(change, added, inverse["at"])
        back = _by_tag(await restore_taggings(change, [row for row in removed if row["contact_id"] in there]))
        changed = {*chain(*gone.values(), *back.values())}
        await _note(change, changed, CommonTags(_of_all(changed, back), _of_all(changed, gone)), {*gone, *back})
        kept = _left(added, gone) | _left(_by_tag(_pairs(removed)), back)
        return Outcome(len(changed), kept=len(kept))


async def _add_taggings(database: Database, given: dict[str, Any]) -> Rows:
    """Add the taggings that are missing; returns the contacts that got each tag."""
    if database.engine == "postgresql":
        return await database.rows(ADD_ON_POSTGRESQL, **given)
    last = await database.row(LAST)
    return (await database.run(*ADD_ON_SQLITE, **given, last=last["id"]))[-1]


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


async def _note(change: Change, contact_ids: set[int], known: CommonTags, tag_ids: Collection[int]) -> None:
    """Say that these tags of these contacts have changed."""
    if contact_ids:
        contacts = sorted(contact_ids)
        await change.database.rows(MARK_UPDATED, at=to_microseconds(change.at), account=change.account_id, contacts=contacts)
        change.add_batch(ContactBatch(contacts, frozenset([CONTACT_UPDATED, *(Mention("tag", tag_id) for tag_id in tag_ids)]), known))
