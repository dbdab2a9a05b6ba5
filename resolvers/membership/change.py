"""What one write has changed, which settling works from, and the joins and leaves that follow."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from models import ChangeCause
from models.engine.database import Database, Row
from models.engine.statement import Engine
from models.orm.numbers import numbers
from resolvers.criteria.language.mentions import Mention, existence
from resolvers.criteria.language.record_types import CONTACT, RecordType

_LOCK = "SELECT {columns} FROM contacts WHERE account_id = :account AND id = ANY(:contact_ids) ORDER BY id"
LOCK: Mapping[Engine, str] = {"sqlite": _LOCK, "postgresql": f"{_LOCK} FOR NO KEY UPDATE"}
CONTACT_UPDATED = Mention(CONTACT.noun, "updated_at")


Values = tuple[str | int, ...]  # of one column or custom field, without nulls
NO_TAGS: frozenset[int] = frozenset()


class CommonTags(NamedTuple):
    """Tags that every contact of a batch has after the write, and tags that none of them has."""

    on_all: frozenset[int] = NO_TAGS
    on_none: frozenset[int] = NO_TAGS


NOTHING_KNOWN = CommonTags()


@dataclass(frozen=True, slots=True)
class ContactBatch:
    """Contacts that were changed in the same way: what was touched, and what is known of the tags that they have now."""

    contact_ids: Sequence[int]
    mentions: frozenset[Mention]
    tags: CommonTags = NOTHING_KNOWN


@dataclass(slots=True)
class Change:
    """What one write has changed so far. The caller's work reports it here, and settling reads it.

    Contacts are the unit: what a contact owns is touched through the contact, which must be locked.
    """

    database: Database
    account_id: int
    actor_id: int | None
    cause: ChangeCause
    at: datetime
    touched: dict[int, set[Mention]] = field(default_factory=lambda: defaultdict(set))
    before: dict[int, dict[Mention, Values]] = field(default_factory=lambda: defaultdict(dict))
    rows: dict[int, Row] = field(default_factory=dict)
    batches: list[ContactBatch] = field(default_factory=list)
    candidates: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    created_for: dict[RecordType, set[int]] = field(default_factory=lambda: defaultdict(set))
    deleted: dict[RecordType, set[int]] = field(default_factory=lambda: defaultdict(set))
    stale_groups: set[int] = field(default_factory=set)
    edited_groups: set[int] = field(default_factory=set)
    recompiled_groups: set[int] = field(default_factory=set)
    announced_groups: set[int] = field(default_factory=set)

    async def lock_contacts(self, contact_ids: Iterable[int]) -> set[int]:
        """Lock these contacts, ascending by id, until the write ends. Returns the ids that exist in the account."""
        lock = LOCK[self.database.engine].format(columns="id, updated_at")
        return self.note_locked(await self.database.rows(lock, account=self.account_id, contact_ids=sorted(set(contact_ids))))

    async def lock_many(self, contact_ids: Collection[int]) -> set[int]:
        """Lock contacts likewise, any number of them, without noting what they contain."""
        lock = LOCK[self.database.engine].format(columns="id")
        return {*await numbers(self.database, lock, account=self.account_id, contact_ids=sorted(contact_ids))}

    def note_locked(self, contacts: Collection[Mapping[str, Any]]) -> set[int]:
        """Note contacts that the statement `LOCK` has locked. Returns their ids."""
        for row in contacts:
            self.note_before(row["id"], {CONTACT_UPDATED: (row["updated_at"],)})
        return {row["id"] for row in contacts}

    def touch(self, contact_id: int, *mentions: Mention) -> None:
        """Note that these fields of a locked contact, its tags or what it owns have changed."""
        self.touched[contact_id].update(mentions)

    def add_batch(self, batch: ContactBatch) -> None:
        """Note the same for many locked contacts at once, so that they can be evaluated together."""
        self.batches.append(batch)

    def batch_touched(self, contact_ids: Iterable[int]) -> None:
        """Turn the touched contacts among these into batches of contacts that were touched in the same way."""
        by_mentions: defaultdict[frozenset[Mention], list[int]] = defaultdict(list)
        for contact_id in sorted(self.touched.keys() & set(contact_ids)):
            by_mentions[frozenset(self.touched.pop(contact_id))].append(contact_id)
        self.batches += [ContactBatch(found, mentions) for mentions, found in by_mentions.items()]

    def note_before(self, contact_id: int, before: Mapping[Mention, Values]) -> None:
        """Note values that a locked contact had before this write, so that fewer groups have to be evaluated.

        A value that was noted earlier stays. A field without a note may have had any value.
        """
        self.before[contact_id] = {**before, **self.before[contact_id]}

    def note_rows(self, contacts: Iterable[Row]) -> None:
        """Note the whole rows of these locked contacts as they are at the end of this write, so that they need not be read again."""
        self.rows |= {row["id"]: row for row in contacts}

    def note_created(self, record_type: RecordType, contact_id: int) -> None:
        """Note that a contact, or a record of this type that a locked contact owns, was created."""
        self.created_for[record_type].add(contact_id)
        if record_type is not CONTACT:
            self.touch(contact_id, existence(record_type))

    def note_deleted(self, record_type: RecordType, record_id: int) -> None:
        """Note that a record was deleted, so that its memberships end."""
        self.deleted[record_type].add(record_id)

    def add_candidates(self, contact_id: int, group_ids: Iterable[int]) -> None:
        """Have these groups evaluated for a locked contact, whatever was touched."""
        self.candidates[contact_id].update(group_ids)

    def invalidate(self, *group_ids: int) -> None:
        """Have these groups' memberships rebuilt, because something that their criteria refer to has changed."""
        self.recompile(*group_ids)
        self.stale_groups.update(group_ids)

    def recompile(self, *group_ids: int) -> None:
        """Note that the stored definitions of these groups have changed. Their memberships are updated elsewhere."""
        self.recompiled_groups.update(group_ids)

    def note_edited(self, group_id: int) -> None:
        """Note that a group's criteria were edited. Its log says so before the joins and leaves that follow."""
        self.edited_groups.add(group_id)
        self.invalidate(group_id)

    def announce(self, *group_ids: int) -> None:
        """Wake the subscribers of these groups too, of which settling does not know."""
        self.announced_groups.update(group_ids)


@dataclass(slots=True)
class Flips:
    """Joins and leaves, each of them called a flip: by group, the ids of the records that join and that leave, ascending."""

    joined: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    left: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def group_ids(self) -> list[int]:
        """The groups with joins or leaves, ascending."""
        return sorted(self.joined.keys() | self.left.keys())

    def with_those_of(self, others: "Flips") -> "Flips":
        """These flips and those of other records."""
        both = Flips()
        for flips in (self, others):
            for mine, theirs in ((both.joined, flips.joined), (both.left, flips.left)):
                for group_id, record_ids in theirs.items():
                    mine[group_id] = sorted([*mine[group_id], *record_ids])
        return both
