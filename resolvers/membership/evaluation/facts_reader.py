"""Reading what criteria look at, for the contacts of a write: facts, stored memberships and the clock, in few round trips."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from models import RecordType
from models.engine.database import Database, Row, Rows
from models.records import APPOINTMENT_TEXTS, CONTACT_ORDERED, CONTACT_TEXTS
from resolvers.criteria.evaluation.facts import AppointmentFacts, ContactFacts
from resolvers.criteria.evaluation.predicate import Needs
from resolvers.membership.candidates.account_definitions import Definition

CONTACT_COLUMNS = (*(f"{name}_folded" for name in CONTACT_TEXTS), *CONTACT_ORDERED)
APPOINTMENT_COLUMNS = (*(f"{name}_folded" for name in APPOINTMENT_TEXTS), "status", "starts_at", "ends_at", "created_at", "updated_at")

CONTACTS = f"SELECT id, {', '.join(CONTACT_COLUMNS)} FROM contacts WHERE account_id = :account AND id = ANY(:ids)"  # noqa: S608
APPOINTMENTS = f"SELECT id, contact_id, {', '.join(APPOINTMENT_COLUMNS)} FROM appointments WHERE contact_id = ANY(:ids) ORDER BY id"  # noqa: S608
TAGGINGS = "SELECT contact_id, tag_id, tagged_at FROM taggings WHERE contact_id = ANY(:ids)"
CUSTOM_VALUES = """
    SELECT contact_id, field_id, coalesce(folded, long_folded) AS text, coalesce(number, day, instant) AS number, boolean
    FROM custom_values WHERE contact_id = ANY(:ids) ORDER BY contact_id, field_id, ordinal
"""
MEMBERSHIPS = """
    SELECT record_id, groups.id AS group_id FROM group_members JOIN groups ON groups.members_id = set_id
    WHERE record_id = ANY(:ids) AND record_type = 'CONTACT' AND groups.account_id = :account
"""
# The present members of some groups among the contacts, or among their appointments.
CONTACT_MEMBERS = """
    SELECT groups.id AS group_id, record_id FROM groups JOIN group_members ON groups.members_id = set_id
    WHERE groups.id = ANY(:contact_groups) AND record_id = ANY(:ids)
"""
APPOINTMENT_MEMBERS = """
    SELECT groups.id AS group_id, record_id FROM groups JOIN group_members ON groups.members_id = set_id
    WHERE groups.id = ANY(:appointment_groups) AND record_id IN (SELECT id FROM appointments WHERE contact_id = ANY(:ids))
"""
VERSION = "SELECT definitions_version FROM accounts WHERE id = :account"
MOMENT = f"SELECT now, settled, ({VERSION}) AS version FROM clock"  # noqa: S608  # a statement of our own

Memberships = dict[int, set[int]]  # record ids by group id
Take = Callable[[Rows], None]  # keeps the rows of one statement

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
        self.members: Memberships = {}  # of the groups that were asked for, among these contacts and their appointments
        self.moment: Row = {}  # the logical time `now`, the time `settled`, and the `version` of the account's definitions

    async def read(self, needed: Needs, groups: Sequence[Definition] = (), *, with_moment: bool = False) -> None:
        """Read what is needed and not yet read: facts, everything that these groups' criteria look at, and the groups' members."""
        for group in groups:
            self.members[group.group_id] = set()
            needed |= group.needs
            if group.record_type is RecordType.APPOINTMENT:
                needed |= Needs(appointments=True)
        takers = self._facts_takers(needed) | ({MOMENT: self._take_moment} if with_moment else {})
        by_type = {kind: [group.group_id for group in groups if group.record_type is kind] for kind in RecordType}
        contact_groups, appointment_groups = sorted(by_type[RecordType.CONTACT]), sorted(by_type[RecordType.APPOINTMENT])
        takers |= {CONTACT_MEMBERS: self._take_members} if contact_groups else {}
        takers |= {APPOINTMENT_MEMBERS: self._take_members} if appointment_groups else {}
        values = {"contact_groups": contact_groups, "appointment_groups": appointment_groups}
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
            (APPOINTMENTS, self._take_appointments, needed.appointments and not loaded.appointments),
        )
        return {statement: take for statement, take, is_wanted in wanted if is_wanted}

    def _take_moment(self, rows: Rows) -> None:
        (self.moment,) = rows

    def _take_members(self, rows: Rows) -> None:
        for row in rows:
            self.members[row["group_id"]].add(row["record_id"])

    def _take_contacts(self, rows: Rows) -> None:
        for row in rows:
            self.facts[row["id"]] = ContactFacts(id=row["id"], values=row, appointments=[])

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

    def _take_appointments(self, rows: Rows) -> None:
        attached: defaultdict[int, list[AppointmentFacts]] = defaultdict(list)
        for row in rows:
            if contact := self.facts.get(row["contact_id"]):
                attached[contact.id].append(AppointmentFacts(id=row["id"], values=row, contact=contact))
        for facts in self._with(attached):
            facts.appointments = attached[facts.id]

    def _with(self, found: Mapping[int, object]) -> Iterator[ContactFacts]:
        return (self.facts[contact_id] for contact_id in found if contact_id in self.facts)


def _stored(row: Row) -> str | int | bool:
    for kind in ("text", "number"):
        if row[kind] is not None:
            return row[kind]  # type: ignore[no-any-return]  # text or int by the column's type
    return bool(row["boolean"])
