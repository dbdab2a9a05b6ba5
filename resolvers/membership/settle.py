"""Settling: after a write changed rows and before it commits, bring every affected membership up to date."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import chain

from models import RecordType
from models.engine.database import Row, Rows
from resolvers.criteria.evaluation.predicate import Needs
from resolvers.membership.batch.batch_evaluation import batch_created_contacts, evaluate_batches
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.candidates.matching import Places
from resolvers.membership.change import Change, Flips
from resolvers.membership.clock import read_clock
from resolvers.membership.evaluation.candidate_groups import concerned, find_candidates, foresee
from resolvers.membership.evaluation.evaluate import Judgement, Memberships
from resolvers.membership.evaluation.facts import FactsReader, needs_of
from resolvers.membership.journal.log import append, carry_out, record
from resolvers.membership.rebuilding.rebuild import rebuild

FEW = 32  # groups whose members are asked for before it is known which of them the write concerns: that saves a round trip

VERSION = "SELECT definitions_version FROM accounts WHERE id = :account"
HEAD = f"SELECT now, settled, ({VERSION}) AS version FROM clock"  # noqa: S608  # a statement of our own
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


class OutdatedDefinitions(Exception):
    """The definitions are not those that are in force; nothing was settled."""


async def settle(change: Change, definitions: AccountDefinitions) -> list[int]:
    """Log and carry out every join and leave that the change causes; returns the groups whose logs have grown.

    Raises `OutdatedDefinitions` instead if the account has other definitions than these.
    """
    batch_created_contacts(change, definitions)
    batched = await _evaluate_batches(change, definitions) if change.batches else None
    contact_ids = concerned(change, Places(definitions.inverted_index))
    if contact_ids:
        flips = await _judge(change, definitions, FactsReader(change.database, change.account_id, contact_ids, change.rows))
    else:
        if batched is None:
            _check(definitions, (await change.database.row(VERSION, account=change.account_id))["definitions_version"])
        flips = Flips()
    if change.deleted:
        await _part_with_deleted(change, flips)
    grown = await _append(change, flips, batched)
    if change.stale_groups:
        grown += await rebuild(change, definitions, await read_clock(change.database, definitions))
    return [*grown, *change.announced_groups]


async def _evaluate_batches(change: Change, definitions: AccountDefinitions) -> Flips:
    head = await change.database.row(HEAD, account=change.account_id)
    _check(definitions, head["version"])
    return await evaluate_batches(change, definitions, definitions.at(head["now"]))


async def _append(change: Change, flips: Flips, batched: Flips | None) -> list[int]:
    """Log all flips, and carry out those that have not been carried out already."""
    if not (batched and batched.group_ids()):
        return await append(change, flips)
    await carry_out(change, flips)
    return await record(change, batched.with_those_of(flips))


def _check(definitions: AccountDefinitions, version: int) -> None:
    if definitions.version != version:
        raise OutdatedDefinitions


async def _judge(change: Change, definitions: AccountDefinitions, reader: FactsReader) -> Flips:
    foreseen = foresee(change, Places(definitions.inverted_index), FEW)
    (head,), stored = await _read(reader, foreseen.needs, [definitions.groups[group_id] for group_id in foreseen.groups], HEAD)
    _check(definitions, head["version"])
    now = definitions.at(head["now"])
    matching = definitions.matching(settled=definitions.at(head["settled"]), now=now)
    found = await find_candidates(change, matching, definitions.groups, reader)
    if unread := found.reachable - stored.keys():
        stored |= (await _read(reader, Needs(), [definitions.groups[group_id] for group_id in unread]))[1]
    judgement = Judgement(definitions, now, stored)
    for contact_id, group_ids in found.by_contact.items():
        judgement.add_candidates(reader.facts[contact_id], group_ids)
    return await judgement.decide()


async def _read(reader: FactsReader, needs: Needs, groups: list[Definition], *besides: str) -> tuple[Rows, Memberships]:
    """What is asked besides, and the present members of these groups among the contacts, with whatever else judging needs."""
    ids = {kind: sorted(group.group_id for group in groups if group.record_type is kind) for kind in RecordType}
    contact_groups, appointment_groups = ids[RecordType.CONTACT], ids[RecordType.APPOINTMENT]
    texts = [STORED] * bool(contact_groups) + [STORED_APPOINTMENTS] * bool(appointment_groups)
    answers = await reader.read(
        needs | needs_of(groups), *besides, *texts, contact_groups=contact_groups, appointment_groups=appointment_groups
    )
    members = {group.group_id: set[int]() for group in groups} | _by_group(chain.from_iterable(answers[len(besides) :]))
    return list(chain.from_iterable(answers[: len(besides)])), members


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
