"""Judging the records that nobody touches for the memberships in the making, chunk by chunk."""

from collections.abc import Mapping, Sequence
from typing import Any

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from models import GroupMember
from models.engine.statement import Engine
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.change import Change, Flips
from resolvers.membership.clock import read_clock
from resolvers.membership.journal.log import LOCKED, update_members
from resolvers.membership.rebuilding.rebuild import matching_records

CHUNK = 500  # contacts, whose writers wait meanwhile

SCANNED_TO = "SELECT min(scanned_to) AS place FROM groups WHERE id = ANY(:ids)"
LOCK_NEXT = "SELECT id FROM contacts WHERE account_id = :account AND id > :after ORDER BY id LIMIT :chunk"
_ADVANCE = """
    UPDATE groups SET scanned_to = :place, member_count = member_count + step.joined - step.gone
    FROM ROWS(:steps AS step(id bigint, joined bigint, gone bigint)) {locked} WHERE groups.id = step.id
"""
ADVANCE: Mapping[Engine, str] = {"sqlite": _ADVANCE.format(locked=""), "postgresql": _ADVANCE.format(locked=LOCKED)}


async def scan_next(change: Change, definitions: AccountDefinitions, ids: Sequence[int]) -> bool:
    """Judge the next contacts, or what they own, for these builds; false once there are no more.

    One statement locks the contacts and a later one, which sees everything that was committed before, judges them. Whoever
    changes one of them afterwards knows of the builds.
    """
    database = change.database
    after = (await database.row(SCANNED_TO, ids=list(ids)))["place"]
    lock = " FOR NO KEY UPDATE" if database.engine == "postgresql" else ""
    rows = await database.rows(LOCK_NEXT + lock, account=change.account_id, after=after, chunk=CHUNK)
    if not rows:
        return False
    now = await read_clock(database, definitions)
    contacts = [row["id"] for row in rows]
    steps = [await _judge(change, definitions.groups[number], contacts, now) for number in sorted(ids, key=definitions.rank)]
    await database.rows(ADVANCE[database.engine], place=contacts[-1], ids=list(ids), steps=steps)
    return True


async def _judge(change: Change, definition: Definition, contacts: list[int], now: Now) -> dict[str, int]:
    number, record_type, flips = definition.group_id, definition.record_type, Flips()
    chunk = Q(id__in=contacts) if record_type is CONTACT else Q(contact_id__in=contacts)
    records = contacts
    if record_type is not CONTACT:
        records = await _numbers(record_type.model.filter(chunk, account_id=change.account_id), "id")
    stored = {*await _numbers(GroupMember.filter(set_id=definition.members_id, record_id__in=records), "record_id")}
    found = {*await _numbers(matching_records(change.account_id, definition, now).filter(chunk), "id")}
    flips.joined[number] = sorted(found - stored)
    flips.left[number] = sorted(stored - found)
    await update_members(change, flips)
    return {"id": number, "joined": len(flips.joined[number]), "gone": len(flips.left[number])}


async def _numbers(found: QuerySet[Any], column: str) -> list[int]:
    return [row[column] for row in await found.values(column)]
