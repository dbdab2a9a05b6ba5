"""Reading what conditions look at, for some contacts, in a constant number of statements."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from models import RecordType
from models.database import Database
from models.records import APPOINTMENT_TEXTS, CONTACT_ORDERED, CONTACT_TEXTS
from resolvers.criteria.facts import AppointmentFacts, ContactFacts
from resolvers.criteria.predicate import Needs
from resolvers.membership.index import Definition

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
    SELECT record_id, group_id FROM group_members JOIN groups ON groups.id = group_id
    WHERE record_id = ANY(:ids) AND record_type = 'CONTACT' AND groups.account_id = :account
"""


async def read_facts(database: Database, account_id: int, ids: Iterable[int], needed: Needs) -> dict[int, ContactFacts]:
    """The facts of those of these contacts that exist, with what is needed and nothing more."""
    reader = _Reader(database, account_id, sorted(ids))
    contacts = await reader.rows(CONTACTS)
    tags = await reader.tags() if needed.tags else {}
    custom = await reader.custom() if needed.custom else {}
    groups = await reader.groups() if needed.groups else {}
    facts = {
        row["id"]: ContactFacts(
            id=row["id"],
            values=row,
            tags=tags.get(row["id"], {}),
            custom=custom.get(row["id"], {}),
            appointments=[],
            groups=groups.get(row["id"], set()),
        )
        for row in contacts
    }
    if needed.appointments:
        await reader.attach_appointments(facts)
    return facts


def needs_of(definitions: Iterable[Definition]) -> Needs:
    """What has to be read to judge records against all of these groups."""
    needed = Needs()
    for definition in definitions:
        needed |= definition.needs
        if definition.record_type is RecordType.APPOINTMENT:
            needed |= Needs(appointments=True)
    return needed


class _Reader:
    """Statements about one set of contacts."""

    def __init__(self, database: Database, account_id: int, ids: list[int]) -> None:
        self._database = database
        self._account_id = account_id
        self._ids = ids

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        return await self._database.rows(statement, ids=self._ids, account=self._account_id)

    async def tags(self) -> dict[int, dict[int, int]]:
        found: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for row in await self.rows(TAGGINGS):
            found[row["contact_id"]][row["tag_id"]] = row["tagged_at"]
        return found

    async def custom(self) -> dict[int, dict[int, tuple[str | int | bool, ...]]]:
        found: defaultdict[int, dict[int, tuple[str | int | bool, ...]]] = defaultdict(dict)
        for row in await self.rows(CUSTOM_VALUES):
            values = found[row["contact_id"]]
            values[row["field_id"]] = (*values.get(row["field_id"], ()), _stored(row))
        return found

    async def groups(self) -> dict[int, set[int]]:
        found: defaultdict[int, set[int]] = defaultdict(set)
        for row in await self.rows(MEMBERSHIPS):
            found[row["record_id"]].add(row["group_id"])
        return found

    async def attach_appointments(self, facts: dict[int, ContactFacts]) -> None:
        attached: defaultdict[int, list[AppointmentFacts]] = defaultdict(list)
        for row in await self.rows(APPOINTMENTS):
            if contact := facts.get(row["contact_id"]):
                attached[contact.id].append(AppointmentFacts(id=row["id"], values=row, contact=contact))
        for contact_id, appointments in attached.items():
            facts[contact_id].appointments = appointments


def _stored(row: dict[str, Any]) -> str | int | bool:
    for kind in ("text", "number"):
        if row[kind] is not None:
            return row[kind]  # type: ignore[no-any-return]  # text or int by the column's type
    return bool(row["boolean"])
