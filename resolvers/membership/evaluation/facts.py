"""Reading what conditions look at, for some contacts, in a constant number of statements."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

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


NO_ROWS: Mapping[int, Row] = MappingProxyType({})


async def read_facts(database: Database, account_id: int, ids: Iterable[int], needed: Needs) -> dict[int, ContactFacts]:
    """The facts of those of these contacts that exist, with what is needed and nothing more."""
    reader = FactsReader(database, account_id, ids)
    await reader.read(needed)
    return reader.facts


def needs_of(definitions: Iterable[Definition]) -> Needs:
    """What has to be read to judge records against all of these groups."""
    needed = Needs()
    for definition in definitions:
        needed |= definition.needs
        if definition.record_type is RecordType.APPOINTMENT:
            needed |= Needs(appointments=True)
    return needed


class FactsReader:
    """Reads the facts of some contacts as they turn out to be needed, nothing twice, each time in one round trip.

    Of contacts that are all `known` already, the columns are not read.
    """

    def __init__(self, database: Database, account_id: int, ids: Iterable[int], known: Mapping[int, Row] = NO_ROWS) -> None:
        self._database = database
        self._account_id = account_id
        self._ids = sorted(ids)
        self.facts: dict[int, ContactFacts] = {}
        if known.keys() >= set(self._ids):
            self._take_contacts([known[contact_id] for contact_id in self._ids])
        self.loaded = Needs()  # beyond the columns, which come first

    async def read(self, needed: Needs, *besides: str, **values: Any) -> list[Rows]:
        """Have the columns, and what is needed beyond them; returns the rows of statements that are asked besides."""
        takers = self._takers(needed)
        texts = (*takers, *besides)
        answers = await self._database.answers(*texts, ids=self._ids, account=self._account_id, **values) if texts else []
        for take, rows in zip(takers.values(), answers, strict=False):
            take(rows)
        self.loaded |= needed
        return answers[len(takers) :]

    def keep_only(self, ids: Iterable[int]) -> None:
        """Forget all other contacts."""
        self._ids = sorted(ids)
        self.facts = {contact_id: self.facts[contact_id] for contact_id in self._ids}

    def _takers(self, needed: Needs) -> dict[str, Callable[[Rows], None]]:
        loaded = self.loaded
        wanted: tuple[tuple[str, Callable[[Rows], None], bool], ...] = (
            (CONTACTS, self._take_contacts, not self.facts),
            (TAGGINGS, self._take_tags, needed.tags and not loaded.tags),
            (CUSTOM_VALUES, self._take_custom, needed.custom and not loaded.custom),
            (MEMBERSHIPS, self._take_groups, needed.groups and not loaded.groups),
            (APPOINTMENTS, self._take_appointments, needed.appointments and not loaded.appointments),
        )
        return {statement: take for statement, take, is_wanted in wanted if is_wanted}

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
