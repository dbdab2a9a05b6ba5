"""What a write has touched: the record that settling works from."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from models import ChangeCause
from models.engine.database import Database, Row
from models.engine.statement import Engine
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
    """Many contacts that have changed alike: what was touched, and the tags that all of them carry now, or none of them does."""

    contact_ids: Sequence[int]
    mentions: frozenset[Mention]
    tags: CommonTags = NOTHING_KNOWN


@dataclass(slots=True)
class Change:
    """One write in progress; `resolvers.write` makes it, the caller's work fills it in, settling reads it.

    Contacts are the unit: what a contact owns is touched through the contact, whose lock covers it.
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
        """Lock these contacts, ascending by id, until the write ends; returns the ids that exist in the account."""
        lock = LOCK[self.database.engine].format(columns="id, updated_at")
        return self.locked(await self.database.rows(lock, account=self.account_id, contact_ids=sorted(set(contact_ids))))

    def locked(self, contacts: Collection[Mapping[str, Any]]) -> set[int]:
        """Say that `LOCK` has found these contacts; returns their ids."""
        for row in contacts:
            self.recall(row["id"], {CONTACT_UPDATED: (row["updated_at"],)})
        return {row["id"] for row in contacts}

    def touch(self, contact_id: int, *mentions: Mention) -> None:
        """Say that these attributes of a locked contact, its taggings or what it owns have changed."""
        self.touched[contact_id].update(mentions)

    def add_batch(self, batch: ContactBatch) -> None:
        """Say the same of many locked contacts at once, so that they can be judged together."""
        self.batches.append(batch)

    def gather(self, contact_ids: Iterable[int]) -> None:
        """Make batches of those of these contacts that were touched alike, so that they can be judged together."""
        alike: defaultdict[frozenset[Mention], list[int]] = defaultdict(list)
        for contact_id in sorted(self.touched.keys() & set(contact_ids)):
            alike[frozenset(self.touched.pop(contact_id))].append(contact_id)
        self.batches += [ContactBatch(found, mentions) for mentions, found in alike.items()]

    def recall(self, contact_id: int, before: Mapping[Mention, Values]) -> None:
        """Say what values a locked contact had before this write: only groups that tell them from the new ones are then looked at.

        What was said first holds. Values that nobody recalls count as any.
        """
        self.before[contact_id] = {**before, **self.before[contact_id]}

    def hold(self, contacts: Iterable[Row]) -> None:
        """Say what all columns of these locked contacts hold at the end of this write, so that nobody reads them once more."""
        self.rows |= {row["id"]: row for row in contacts}

    def create(self, record_type: RecordType, contact_id: int) -> None:
        """Say that a contact, or a record of this type that a locked contact owns, was created."""
        self.created_for[record_type].add(contact_id)
        if record_type is not CONTACT:
            self.touch(contact_id, existence(record_type))

    def delete(self, record_type: RecordType, record_id: int) -> None:
        """Say that a record is gone; its memberships end with this write."""
        self.deleted[record_type].add(record_id)

    def add_candidates(self, contact_id: int, group_ids: Iterable[int]) -> None:
        """Ask for a locked contact to be judged anew against these groups, whatever changed."""
        self.candidates[contact_id].update(group_ids)

    def redefine(self, *group_ids: int) -> None:
        """Say that these groups' memberships must be worked out anew, because something they refer to has changed."""
        self.recompile(*group_ids)
        self.stale_groups.update(group_ids)

    def recompile(self, *group_ids: int) -> None:
        """Say that what is stored of these groups' definitions has changed, and that their memberships are seen to."""
        self.recompiled_groups.update(group_ids)

    def edit(self, group_id: int) -> None:
        """Say that a group's own criteria changed: watchers hear of that before the joins and leaves that follow."""
        self.edited_groups.add(group_id)
        self.redefine(group_id)

    def announce(self, *group_ids: int) -> None:
        """Say that watchers of these groups have to look, for settling will not know."""
        self.announced_groups.update(group_ids)


@dataclass(slots=True)
class Flips:
    """For each group, who joins and who leaves, in ascending order of ids."""

    joined: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    left: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def group_ids(self) -> list[int]:
        """The groups in which anybody flips, ascending."""
        return sorted(self.joined.keys() | self.left.keys())

    def with_those_of(self, others: "Flips") -> "Flips":
        """These and others, of other records."""
        both = Flips()
        for flips in (self, others):
            for mine, theirs in ((both.joined, flips.joined), (both.left, flips.left)):
                for group_id, record_ids in theirs.items():
                    mine[group_id] = sorted([*mine[group_id], *record_ids])
        return both
