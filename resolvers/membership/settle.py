"""Settling: after a write changed rows and before it commits, bring every affected membership up to date."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from models import RecordType
from models.database import Database, Row
from resolvers.criteria.time import Now
from resolvers.membership.change import Change
from resolvers.membership.evaluate import Flips, Judgement, Memberships
from resolvers.membership.facts import FactsReader, needs_of
from resolvers.membership.index import AccountDefinitions, Definition
from resolvers.membership.log import append
from resolvers.membership.matching import Places
from resolvers.membership.rebuild import rebuild
from resolvers.membership.suspects import concerned, find_suspects, needed

CLOCK = "SELECT now, settled FROM clock"
STORED = """
    SELECT groups.id AS group_id, record_id FROM groups JOIN group_members ON groups.members_id = set_id
    WHERE groups.id = ANY(:contact_groups) AND record_id = ANY(:ids)
"""
STORED_APPOINTMENTS = """
    SELECT groups.id AS group_id, record_id FROM groups JOIN group_members ON groups.members_id = set_id
    WHERE groups.id = ANY(:appointment_groups) AND record_id IN (SELECT id FROM appointments WHERE contact_id = ANY(:ids))
"""
STORED_OF_DELETED = """
    SELECT groups.id AS group_id, record_id FROM group_members JOIN groups ON groups.members_id = set_id
    WHERE groups.account_id = :account AND ((record_type = 'CONTACT' AND record_id = ANY(:contacts))
    OR (record_type = 'APPOINTMENT' AND record_id = ANY(:appointments)))
"""


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time; to be asked for after the locks that it must not be older than."""
    return definitions.at((await database.row(CLOCK))["now"])


async def settle(change: Change, definitions: AccountDefinitions) -> list[int]:
    """Log and carry out every join and leave that the change causes; returns the groups whose logs have grown."""
    contact_ids = concerned(change, Places(definitions.shelves))
    flips = await _judge(change, definitions, FactsReader(change.database, change.account_id, contact_ids)) if contact_ids else Flips()
    if change.deleted:
        await _part_with_deleted(change, flips)
    grown = await append(change, flips)
    if change.stale_groups:
        grown += await rebuild(change, definitions, await read_clock(change.database, definitions))
    return [*grown, *change.announced_groups]


async def _judge(change: Change, definitions: AccountDefinitions, reader: FactsReader) -> Flips:
    ((clock,),) = await reader.read(needed(change, Places(definitions.shelves)), CLOCK)
    now = definitions.at(clock["now"])
    matching = definitions.matching(settled=definitions.at(clock["settled"]), now=now)
    found = await find_suspects(change, matching, definitions.groups, reader)
    reachable = [definitions.groups[group_id] for group_id in sorted(found.reachable)]
    if not reachable:
        return Flips()
    judgement = Judgement(definitions, now, await _stored(reader, reachable))
    for contact_id, group_ids in found.by_contact.items():
        judgement.suspect(reader.facts[contact_id], group_ids)
    return await judgement.decide()


async def _stored(reader: FactsReader, reachable: list[Definition]) -> Memberships:
    """The present members of these groups among the contacts, and with them whatever else judging needs."""
    groups = {
        record_type: [definition.group_id for definition in reachable if definition.record_type is record_type]
        for record_type in RecordType
    }
    texts = (STORED, STORED_APPOINTMENTS) if groups[RecordType.APPOINTMENT] else (STORED,)
    found = await reader.read(
        needs_of(reachable),
        *texts,
        contact_groups=groups[RecordType.CONTACT],
        appointment_groups=groups[RecordType.APPOINTMENT],
    )
    return {definition.group_id: set() for definition in reachable} | _by_group(chain.from_iterable(found))


async def _part_with_deleted(change: Change, flips: Flips) -> None:
    rows = await change.database.rows(
        STORED_OF_DELETED,
        account=change.account_id,
        contacts=sorted(change.deleted[RecordType.CONTACT]),
        appointments=sorted(change.deleted[RecordType.APPOINTMENT]),
    )
    for group_id, record_ids in _by_group(rows).items():
        flips.left[group_id].extend(sorted(record_ids))


def _by_group(rows: Iterable[Row]) -> Memberships:
    found: defaultdict[int, set[int]] = defaultdict(set)
    for row in rows:
        found[row["group_id"]].add(row["record_id"])
    return found
