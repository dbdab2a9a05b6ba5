"""Settling: after a write changed rows and before it commits, bring every affected membership up to date."""

from functools import cache
from itertools import chain

from resolvers.criteria.language.record_types import RecordType
from resolvers.membership.batch.batch_evaluation import batch_created_contacts, evaluate_batches
from resolvers.membership.candidates.account_definitions import AccountDefinitions
from resolvers.membership.change import Change, Flips
from resolvers.membership.clock import read_clock
from resolvers.membership.evaluation.evaluate import affected_contacts, evaluate_contacts
from resolvers.membership.evaluation.facts_reader import MOMENT, VERSION
from resolvers.membership.journal.log import append, record, update_members
from resolvers.membership.rebuilding.rebuild import rebuild

# Without `:ids` SQLite would read the members of every group of the account.
MEMBERSHIPS_OF_DELETED = """
    SELECT groups.id AS group_id, record_id FROM group_members JOIN groups ON groups.members_id = set_id
    WHERE groups.account_id = :account AND group_members.account_id = :account
    AND record_id = ANY(:ids) AND ({of_any_type})
"""
OF_TYPE = "(record_type = '{name}' AND record_id = ANY(:{key}))"


@cache
def _memberships_of_deleted(record_types: tuple[RecordType, ...]) -> str:
    """The statement for the memberships of records of these types, whose ids are given under the keys of the types."""
    return MEMBERSHIPS_OF_DELETED.format(of_any_type=" OR ".join(OF_TYPE.format(name=each.name, key=each.key) for each in record_types))


async def settle(change: Change, definitions: AccountDefinitions) -> list[int]:
    """Log and store every join and leave that the change causes. Returns the ids of the groups whose logs have grown.

    Raises `OutdatedDefinitions`, and stores nothing, if the account has other definitions than these.
    """
    if change.created_for:
        batch_created_contacts(change, definitions)
    batched = await _evaluate_batches(change, definitions) if change.batches else None
    contact_ids = affected_contacts(change, definitions.inverted_index)
    if contact_ids:
        flips = await evaluate_contacts(change, definitions, contact_ids)
    else:
        if batched is None:
            definitions.check_version((await change.database.row(VERSION, account=change.account_id))["definitions_version"])
        flips = Flips()
    if change.deleted:
        await _add_leaves_of_deleted(change, flips)
    if batched and batched.group_ids():
        await update_members(change, flips)  # those of the batches are stored already
        grown = await record(change, batched.with_those_of(flips))
    else:
        grown = await append(change, flips)
    if change.stale_groups:
        grown += await rebuild(change, definitions, await read_clock(change.database, definitions))
    return [*grown, *change.announced_groups]


async def _evaluate_batches(change: Change, definitions: AccountDefinitions) -> Flips:
    moment = await change.database.row(MOMENT, account=change.account_id)
    definitions.check_version(moment["version"])
    return await evaluate_batches(change, definitions, definitions.at(moment["now"]))


async def _add_leaves_of_deleted(change: Change, flips: Flips) -> None:
    ids = {record_type.key: sorted(record_ids) for record_type, record_ids in change.deleted.items()}
    statement, every = _memberships_of_deleted(tuple(change.deleted)), sorted({*chain.from_iterable(ids.values())})
    rows = await change.database.rows(statement, account=change.account_id, ids=every, **ids)
    for group_id, record_id in sorted((row["group_id"], row["record_id"]) for row in rows):
        flips.left[group_id].append(record_id)
