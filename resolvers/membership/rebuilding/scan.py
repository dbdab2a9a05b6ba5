"""Evaluating all records of an account for its builds, chunk by chunk, while writers go on."""

from collections.abc import Sequence
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from models import GroupMember
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.querying.prepare import prepare_checks
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.change import Change, Flips
from resolvers.membership.clock import read_clock
from resolvers.membership.journal.log import update_members
from resolvers.membership.rebuilding.rebuild import matching_records
from resolvers.membership.rebuilding.statements import ADVANCE_SCAN, LOCK_NEXT, SCANNED_TO

CHUNK = 500  # contacts: other writers of these wait meanwhile


async def scan_next(change: Change, definitions: AccountDefinitions, ids: Sequence[int]) -> bool:
    """Evaluate the next contacts, or what they own, for these builds. Returns false if there are no more.

    One statement locks the contacts, and a later one evaluates them, which sees everything that was committed before. Later
    writes to them know of the builds.
    """
    database = change.database
    after = (await database.row(SCANNED_TO, account=change.account_id, ids=list(ids)))["contact_id"]
    rows = await database.rows(LOCK_NEXT[database.engine], account=change.account_id, after=after, chunk=CHUNK)
    if not rows:
        return False
    now = await read_clock(database, definitions)
    contacts = [row["id"] for row in rows]
    steps = [await _evaluate(change, definitions.groups[number], contacts, now) for number in sorted(ids, key=definitions.rank)]
    await database.rows(ADVANCE_SCAN[database.engine], account=change.account_id, contact_id=contacts[-1], ids=list(ids), steps=steps)
    return True


async def _evaluate(change: Change, definition: Definition, contacts: list[int], now: Now) -> dict[str, int]:
    number, record_type, flips = definition.group_id, definition.record_type, Flips()
    chunk = Q(id__in=contacts) if record_type is CONTACT else Q(contact_id__in=contacts)
    records = contacts
    if record_type is not CONTACT:
        records = await _numbers(record_type.model.filter(chunk, account_id=change.account_id), "id")
    stored = {*await _numbers(GroupMember.filter(set_id=definition.members_id, record_id__in=records), "record_id")}
    await prepare_checks(definition.tree, now)
    found = {*await _numbers(matching_records(change.account_id, definition, now).filter(chunk), "id")}
    flips.joined[number] = sorted(found - stored)
    flips.left[number] = sorted(stored - found)
    await update_members(change, flips)
    return {"id": number, "joined": len(flips.joined[number]), "gone": len(flips.left[number])}


async def _numbers(found: QuerySet[Any], column: str) -> list[int]:
    return [row[column] for row in await found.values(column)]
