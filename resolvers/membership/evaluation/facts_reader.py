"""Reading what criteria look at, for the contacts of a write: facts, stored memberships and the clock, in few round trips."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from types import MappingProxyType

from models.engine.database import Database, Row, Rows
from models.groups import CONTACT_TYPE
from resolvers.criteria.evaluation.facts import ContactFacts, OwnedFacts
from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.membership.candidates.account_definitions import Definition

CONTACTS = f"SELECT id, {', '.join(CONTACT.columns)} FROM contacts WHERE account_id = :account AND id = ANY(:ids)"  # noqa: S608
# `account_id + 0` keeps SQLite from walking the account instead of looking up rows by contact or group.
OWNED = "SELECT id, contact_id, {columns} FROM {table} WHERE account_id + 0 = :account AND contact_id = ANY(:ids) ORDER BY id"
TAGGINGS = "SELECT contact_id, tag_id, tagged_at FROM taggings WHERE account_id = :account AND contact_id = ANY(:ids)"
CUSTOM_VALUES = """
    SELECT contact_id, field_id, coalesce(folded, long_folded) AS text, coalesce(number, day, instant) AS number, boolean
    FROM custom_values WHERE account_id = :account AND contact_id = ANY(:ids) ORDER BY contact_id, field_id, ordinal
"""
MEMBERSHIPS = f"""
    SELECT record_id, groups.id AS group_id FROM group_members JOIN groups ON groups.members_id = set_id
    WHERE record_id = ANY(:ids) AND record_type = '{CONTACT_TYPE}' AND groups.account_id = :account
"""  # noqa: S608  # a name of ours
# The present members of some groups among the contacts, or among the records that they own.
CONTACT_MEMBERS = """
    SELECT groups.id AS group_id, record_id FROM groups JOIN group_members ON groups.members_id = set_id
    WHERE groups.account_id + 0 = :account AND groups.id = ANY(:contacts) AND record_id = ANY(:ids)
"""
OWNED_MEMBERS = """
    SELECT groups.id AS group_id, record_id FROM groups JOIN group_members ON groups.members_id = set_id
    WHERE groups.account_id + 0 = :account AND groups.id = ANY(:{groups})
    AND record_id IN (SELECT id FROM {table} WHERE account_id + 0 = :account AND contact_id = ANY(:ids))
"""
VERSION = "SELECT definitions_version FROM accounts WHERE id = :account"
MOMENT = f"SELECT now, settled, ({VERSION}) AS version FROM clock"  # noqa: S608  # a statement of our own

Memberships = dict[int, set[int]]  # record ids by group id
Take = Callable[[Rows], None]  # keeps the rows of one statement


@cache
def _owned(record_type: RecordType) -> str:
    """The statement for the records of this type that contacts own."""
    return OWNED.format(columns=", ".join(record_type.columns), table=record_type.table)


@cache
def _members(record_type: RecordType) -> str:
    """The statement for the members of groups of this type, whose ids are given under the key of the type."""
    return CONTACT_MEMBERS if record_type is CONTACT else OWNED_MEMBERS.format(groups=record_type.key, table=record_type.table)


NO_ROWS: Mapping[int, Row] = MappingProxyType({})


async def read_facts(database: Database, account_id: int, ids: Iterable[int], needed: Needs) -> dict[int, ContactFacts]:
    """The facts of those of these contacts that exist, with what is needed and nothing more."""
    reader = FactsReader(database, account_id, ids)
    await reader.read(needed)
    return reader.facts


class FactsReader:
    """Reads facts of some contacts as they turn out to be needed, each once, and whatever is needed together in one round trip.

    If the rows of all contacts are `known` already, the columns are not read.
    """

    def __init__(self, database: Database, account_id: int, ids: Iterable[int], known: Mapping[int, Row] = NO_ROWS) -> None:
        self._database = database
        self._account_id = account_id
        self._ids = sorted(ids)
        self.facts: dict[int, ContactFacts] = {}
        if known.keys() >= set(self._ids):
            self._take_contacts([known[contact_id] for contact_id in self._ids])
        self.loaded = Needs()  # what has been read beyond the columns
        self.members: Memberships = {}  # of the groups that were asked for, among these contacts and what they own
        self.moment: Row = {}  # the logical time `now`, the time `settled`, and the `version` of the account's definitions

    async def read(self, needed: Needs, groups: Sequence[Definition] = (), *, with_moment: bool = False) -> None:
        """Read what is needed and not yet read: facts, everything that these groups' criteria look at, and the groups' members."""
        for group in groups:
            self.members[group.group_id] = set()
            needed |= group.needs
            if group.record_type is not CONTACT:
                needed |= Needs(owned=frozenset([group.record_type]))
        takers = self._facts_takers(needed) | ({MOMENT: self._take_moment} if with_moment else {})
        by_type: defaultdict[RecordType, list[int]] = defaultdict(list)
        for group in groups:
            by_type[group.record_type].append(group.group_id)
        takers |= {_members(record_type): self._take_members for record_type in by_type}
        values = {record_type.key: sorted(group_ids) for record_type, group_ids in by_type.items()}
        answers = await self._database.answers(*takers, ids=self._ids, account=self._account_id, **values) if takers else []
        for take, rows in zip(takers.values(), answers, strict=True):
            take(rows)
        self.loaded |= needed

    def keep_only(self, ids: Iterable[int]) -> None:
        """Forget all other contacts."""
        self._ids = sorted(ids)
        self.facts = {contact_id: self.facts[contact_id] for contact_id in self._ids}

    def _facts_takers(self, needed: Needs) -> dict[str, Take]:
        loaded = self.loaded
        wanted: tuple[tuple[str, Take, bool], ...] = (
            (CONTACTS, self._take_contacts, not self.facts),
            (TAGGINGS, self._take_tags, needed.tags and not loaded.tags),
            (CUSTOM_VALUES, self._take_custom, needed.custom and not loaded.custom),
            (MEMBERSHIPS, self._take_groups, needed.groups and not loaded.groups),
        )
        takers = {statement: take for statement, take, is_wanted in wanted if is_wanted}
        return takers | {_owned(each): self._owned_taker(each) for each in needed.owned - loaded.owned}

    def _take_moment(self, rows: Rows) -> None:
        (self.moment,) = rows

    def _take_members(self, rows: Rows) -> None:
        for row in rows:
            self.members[row["group_id"]].add(row["record_id"])

    def _take_contacts(self, rows: Rows) -> None:
        for row in rows:
            self.facts[row["id"]] = ContactFacts(id=row["id"], values=row)

    def _take_tags(self, rows: Rows) -> None:
        found: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for row in rows:
            found[row["contact_id"]][row["tag_id"]] = row["tagged_at"]
        for facts in self._with(found):
            facts.tags = found[facts.id]

    def _take_custom(self, rows: Rows) -> None:
        found: defaultdict[int, dict[int, tuple[str | int | bool, ...]]] = defaultdict(dict)
        for row in rows:
            values = found[row["contact_id"]]
            values[row["field_id"]] = (*values.get(row["field_id"], ()), _stored(row))
        for facts in self._with(found):
            facts.custom = found[facts.id]

    def _take_groups(self, rows: Rows) -> None:
        for row in rows:
            if facts := self.facts.get(row["record_id"]):
                facts.groups.add(row["group_id"])

    def _owned_taker(self, record_type: RecordType) -> Take:
        def take(rows: Rows) -> None:
            attached: defaultdict[int, list[OwnedFacts]] = defaultdict(list)
            for row in rows:
                if contact := self.facts.get(row["contact_id"]):
                    attached[contact.id].append(OwnedFacts(id=row["id"], values=row, contact=contact))
            for facts in self._with(attached):
                facts.owned[record_type] = attached[facts.id]

        return take

    def _with(self, found: Mapping[int, object]) -> Iterator[ContactFacts]:
        return (self.facts[contact_id] for contact_id in found if contact_id in self.facts)


def _stored(row: Row) -> str | int | bool:
    for kind in ("text", "number"):
        if row[kind] is not None:
            return row[kind]  # type: ignore[no-any-return]  # text or int by the column's type
    return bool(row["boolean"])
