"""Bulk changes of tags: adding tags to many contacts, removing others, and undoing both."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from models.engine.database import Database, Rows
from models.fields import to_microseconds
from models.orm.numbers import by_key, lists_of, numbers
from resolvers.bulk.bulk_change import Document, Outcome
from resolvers.bulk.needs import Need
from resolvers.bulk.statements import (
    ADD_TAGGINGS_ON_POSTGRESQL,
    ADD_TAGGINGS_ON_SQLITE,
    LAST_TAGGING,
    REMOVE_TAG,
    REMOVE_TAGGINGS,
    RESTORE_TAGGINGS,
    TAGGED_AT,
)
from resolvers.criteria.language.mentions import Mention
from resolvers.membership.change import CONTACT_UPDATED, Change, CommonTags, ContactBatch
from resolvers.tagging.taggings import MARK_UPDATED

Pair = tuple[int, int]  # of contact and tag
Contacts = dict[int, list[int]]  # by tag


@dataclass(frozen=True, slots=True)
class TagChange:
    """Tags to add to contacts, and others to remove. A tag that a contact already has keeps its time."""

    add: tuple[int, ...]
    remove: tuple[int, ...]

    @property
    def needs(self) -> Collection[Need]:
        """The tags. If one were merged into another meanwhile, contacts would have the other one."""
        return {Need("tag", tag_id) for tag_id in (*self.add, *self.remove)}

    def document(self) -> Document:
        """The form in which it is stored."""
        return {"tags": {"add": self.add, "remove": self.remove}}

    async def apply(self, change: Change, contact_ids: Sequence[int]) -> Outcome:
        """Change the tags of these contacts."""
        at = to_microseconds(change.at)
        added = await self._add(change, contact_ids) if self.add else {}
        removed: Rows = []
        if self.remove:
            removed = await change.database.rows(REMOVE_TAGGINGS, account=change.account_id, contacts=contact_ids, tags=self.remove)
        contacts = {*chain(*added.values()), *_contacts(removed)}
        await _note(change, contacts, CommonTags(frozenset(self.add), frozenset(self.remove)), {*self.add, *self.remove})
        return Outcome(len(contacts), inverse={"at": at, "added": list(added.items()), "removed": removed})

    async def _add(self, change: Change, contact_ids: Sequence[int]) -> Contacts:
        lists = [{"tag_id": tag_id, "ids": ids} for tag_id in self.add for ids in lists_of(contact_ids)]
        given = {"account": change.account_id, "actor": change.actor_id, "at": to_microseconds(change.at), "tags": self.add, "lists": lists}
        return by_key(await _add_taggings(change.database, given))

    async def revert(self, change: Change, inverse: Document) -> Outcome:
        """Remove the tags that were added, unless they were added again since, and add those that were removed."""
        added: Contacts = dict(inverse["added"])
        removed: Rows = inverse["removed"]
        existing = await change.lock_many({*chain(*added.values()), *_contacts(removed)})
        gone = await _remove_again(change, added, inverse["at"])
        back = _by_tag(await restore_taggings(change, [row for row in removed if row["contact_id"] in existing]))
        changed = {*chain(*gone.values(), *back.values())}
        await _note(change, changed, CommonTags(on_all=_tags_of_all(changed, back), on_none=_tags_of_all(changed, gone)), {*gone, *back})
        kept = _missing(added, gone) | _missing(_by_tag(_pairs(removed)), back)
        return Outcome(len(changed), kept=len(kept))


async def _add_taggings(database: Database, given: dict[str, Any]) -> Rows:
    """Add the taggings that are missing. Returns the contacts that were given each tag."""
    if database.engine == "postgresql":
        return await database.rows(ADD_TAGGINGS_ON_POSTGRESQL, **given)
    last = await database.row(LAST_TAGGING)
    return (await database.run(*ADD_TAGGINGS_ON_SQLITE, **given, last=last["id"]))[-1]


async def _remove_again(change: Change, added: Contacts, at: int) -> Contacts:
    found: Contacts = {}
    for tag_id, contacts in added.items():
        found[tag_id] = await numbers(change.database, TAGGED_AT, account=change.account_id, contacts=contacts, tag=tag_id, at=at)
        await change.database.rows(REMOVE_TAG, account=change.account_id, contacts=found[tag_id], tag=tag_id)
    return found


def _tags_of_all(contacts: set[int], by_tag: Contacts) -> frozenset[int]:
    """The tags whose contacts are all of these."""
    return frozenset(tag_id for tag_id, found in by_tag.items() if contacts.issubset(found))


def _missing(wanted: Contacts, done: Contacts) -> set[int]:
    """The contacts of which some tag was wanted and not done."""
    return {contact_id for tag_id, contacts in wanted.items() for contact_id in {*contacts}.difference(done.get(tag_id, ()))}


async def restore_taggings(change: Change, taggings: Sequence[Document]) -> list[Pair]:
    """Restore taggings with their time and author. Returns those that were restored: missing before, and of tags that still exist."""
    return _pairs(await change.database.rows(RESTORE_TAGGINGS, account=change.account_id, taggings=taggings)) if taggings else []


def _pairs(rows: Iterable[Document]) -> list[Pair]:
    return [(row["contact_id"], row["tag_id"]) for row in rows]


def _contacts(rows: Iterable[Document]) -> list[int]:
    return [row["contact_id"] for row in rows]


def _by_tag(pairs: Iterable[Pair]) -> Contacts:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for contact_id, tag_id in pairs:
        found[tag_id].append(contact_id)
    return found


async def _note(change: Change, contact_ids: set[int], tags: CommonTags, tag_ids: Collection[int]) -> None:
    """Mark the contacts as updated, and report to the change that these tags of them have changed."""
    if contact_ids:
        contacts = sorted(contact_ids)
        await change.database.rows(MARK_UPDATED, at=to_microseconds(change.at), account=change.account_id, contacts=contacts)
        change.add_batch(ContactBatch(contacts, frozenset([CONTACT_UPDATED, *(Mention("tag", tag_id) for tag_id in tag_ids)]), tags))
