"""Settling: after a write changed rows and before it commits, bring every affected membership up to date."""

from collections import defaultdict

from models import RecordType
from models.database import Database
from resolvers.criteria.facts import ContactFacts
from resolvers.criteria.time import Now
from resolvers.membership.change import Change
from resolvers.membership.evaluate import Flips, Judgement, Memberships
from resolvers.membership.facts import needs_of, read_facts
from resolvers.membership.index import AccountDefinitions, Definition
from resolvers.membership.log import append
from resolvers.membership.rebuild import rebuild

CLOCK = "SELECT now FROM clock"
STORED = """
    SELECT group_id, record_id FROM group_members WHERE
    (group_id = ANY(:contact_groups) AND record_id = ANY(:contacts)) OR
    (group_id = ANY(:appointment_groups) AND record_id = ANY(:appointments))
"""
STORED_OF_DELETED = """
    SELECT group_id, record_id FROM group_members JOIN groups ON groups.id = group_id
    WHERE groups.account_id = :account AND ((record_type = 'CONTACT' AND record_id = ANY(:contacts))
    OR (record_type = 'APPOINTMENT' AND record_id = ANY(:appointments)))
"""


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time; a statement of its own, to be run after the locks it must not be older than."""
    row = await database.row(CLOCK)
    return Now(row["now"], definitions.zone)


async def settle(change: Change, definitions: AccountDefinitions) -> list[int]:
    """Log and carry out every join and leave that the change causes; returns the groups whose logs have grown."""
    now = await read_clock(change.database, definitions)
    flips = Flips()
    if change.touched or change.created_for or change.suspects:
        flips = await _judge(change, definitions, now)
    if change.deleted:
        await _part_with_deleted(change, flips)
    grown = await append(change, flips)
    if change.stale_groups:
        grown += await rebuild(change, definitions, now)
    return [*grown, *change.dropped_groups]


async def _judge(change: Change, definitions: AccountDefinitions, now: Now) -> Flips:
    candidates = _candidates(change, definitions)
    reachable = _reachable(candidates, definitions)
    if not reachable:
        return Flips()
    needed = needs_of(reachable)
    facts = await read_facts(change.database, change.account_id, candidates.keys(), needed)
    judgement = Judgement(definitions, now, await _stored(change, reachable, facts))
    for contact_id, group_ids in candidates.items():
        if contact_id in facts:
            judgement.suspect(facts[contact_id], group_ids)
    return judgement.decide()


def _candidates(change: Change, definitions: AccountDefinitions) -> dict[int, set[int]]:
    found = {contact_id: definitions.candidates(touched) for contact_id, touched in change.touched.items()}
    for record_type, contact_ids in change.created_for.items():
        for contact_id in contact_ids:
            found[contact_id] = found.get(contact_id, set()) | definitions.of(record_type)
    for contact_id, group_ids in change.suspects.items():
        found[contact_id] = found.get(contact_id, set()) | (group_ids & definitions.groups.keys())
    return {contact_id: group_ids for contact_id, group_ids in found.items() if group_ids}


def _reachable(candidates: dict[int, set[int]], definitions: AccountDefinitions) -> list[Definition]:
    direct: set[int] = set().union(*candidates.values())
    return [definitions.groups[group_id] for group_id in sorted(direct | definitions.dependants(direct))]


async def _stored(change: Change, reachable: list[Definition], facts: dict[int, ContactFacts]) -> Memberships:
    groups = {
        record_type: [definition.group_id for definition in reachable if definition.record_type is record_type]
        for record_type in RecordType
    }
    rows = await change.database.rows(
        STORED,
        contact_groups=groups[RecordType.CONTACT],
        contacts=sorted(facts),
        appointment_groups=groups[RecordType.APPOINTMENT],
        appointments=sorted(record.id for found in facts.values() for record in found.appointments),
    )
    return _by_group(rows)


async def _part_with_deleted(change: Change, flips: Flips) -> None:
    rows = await change.database.rows(
        STORED_OF_DELETED,
        account=change.account_id,
        contacts=sorted(change.deleted[RecordType.CONTACT]),
        appointments=sorted(change.deleted[RecordType.APPOINTMENT]),
    )
    for group_id, record_ids in _by_group(rows).items():
        flips.left[group_id].extend(sorted(record_ids))


def _by_group(rows: list[dict[str, int]]) -> Memberships:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        found[row["group_id"]].add(row["record_id"])
    return found
