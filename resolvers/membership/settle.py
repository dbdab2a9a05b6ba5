"""Settling: after a write changed rows and before it commits, bring every affected membership up to date."""

from collections import defaultdict
from typing import NamedTuple

from models import RecordType
from models.database import Database
from resolvers.criteria.facts import ContactFacts
from resolvers.criteria.time import Now
from resolvers.membership.change import Change
from resolvers.membership.evaluate import Flips, Judgement, Memberships
from resolvers.membership.facts import needs_of
from resolvers.membership.index import AccountDefinitions, Definition
from resolvers.membership.log import append
from resolvers.membership.rebuild import rebuild
from resolvers.membership.suspects import find_suspects

CLOCK = "SELECT now, settled FROM clock"
STORED = """
    SELECT groups.id AS group_id, record_id FROM groups CROSS JOIN group_members WHERE groups.members_id = set_id AND
    ((groups.id = ANY(:contact_groups) AND record_id = ANY(:contacts)) OR
    (groups.id = ANY(:appointment_groups) AND record_id = ANY(:appointments)))
"""
STORED_OF_DELETED = """
    SELECT groups.id AS group_id, record_id FROM group_members JOIN groups ON groups.members_id = set_id
    WHERE groups.account_id = :account AND ((record_type = 'CONTACT' AND record_id = ANY(:contacts))
    OR (record_type = 'APPOINTMENT' AND record_id = ANY(:appointments)))
"""


class Moments(NamedTuple):
    """The logical time, and up to when everything is settled: the same but while a step of the clock is being made."""

    settled: Now
    now: Now


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time; a statement of its own, to be run after the locks it must not be older than."""
    return (await _read_moments(database, definitions)).now


async def _read_moments(database: Database, definitions: AccountDefinitions) -> Moments:
    row = await database.row(CLOCK)
    return Moments(definitions.at(row["settled"]), definitions.at(row["now"]))


async def settle(change: Change, definitions: AccountDefinitions) -> list[int]:
    """Log and carry out every join and leave that the change causes; returns the groups whose logs have grown."""
    moments = await _read_moments(change.database, definitions)
    flips = Flips()
    if change.touched or change.created_for or change.suspects:
        flips = await _judge(change, definitions, moments)
    if change.deleted:
        await _part_with_deleted(change, flips)
    grown = await append(change, flips)
    if change.stale_groups:
        grown += await rebuild(change, definitions, moments.now)
    return [*grown, *change.announced_groups]


async def _judge(change: Change, definitions: AccountDefinitions, moments: Moments) -> Flips:
    matching = definitions.matching(settled=moments.settled, now=moments.now)
    found = await find_suspects(change, matching, definitions.groups)
    reachable = [definitions.groups[group_id] for group_id in sorted(found.reachable)]
    if not reachable:
        return Flips()
    await found.reader.read(needs_of(reachable))
    facts = found.reader.facts
    judgement = Judgement(definitions, moments.now, await _stored(change, reachable, facts))
    for contact_id, group_ids in found.by_contact.items():
        judgement.suspect(facts[contact_id], group_ids)
    return await judgement.decide()


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
    return {definition.group_id: set() for definition in reachable} | _by_group(rows)


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
