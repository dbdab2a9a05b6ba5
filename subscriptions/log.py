"""Reading the log of joins and leaves, the only source of what watchers are told."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from models import ChangeCause, EventKind, RecordType
from models.audience import Audience, read_audience
from models.database import Database
from models.fields import from_microseconds

PAGE = 64  # entries read at once: with 500 ids each, at most some 300 kB

HEADS = """
    SELECT id, account_id, record_type, epoch, position, version, member_count, view, owner_id
    FROM groups WHERE id = ANY(:ids)
"""
OLDEST = "SELECT min(position) AS oldest FROM group_events WHERE group_id = :group_id AND epoch = :epoch"
ENTRIES = """
    SELECT position, kind, from_version, to_version, member_count, cause, joined, "left", occurred_at
    FROM group_events
    WHERE group_id = :group_id AND epoch = :epoch AND position > :position
    ORDER BY position LIMIT :page
"""


@dataclass(frozen=True, slots=True)
class Head:
    """Where a group's log ends, and who may read it."""

    group_id: int
    account_id: int
    record_type: RecordType
    epoch: str
    position: int
    version: int
    member_count: int
    audience: Audience
    owner_id: int | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a group's log."""

    position: int
    kind: EventKind
    from_version: int
    to_version: int
    member_count: int
    cause: ChangeCause
    joined: tuple[int, ...]
    left: tuple[int, ...]
    occurred_at: datetime


async def heads(database: Database, group_ids: Iterable[int]) -> dict[int, Head]:
    """The heads of those of these groups that exist."""
    rows = await database.rows(HEADS, ids=sorted(group_ids))
    return {
        row["id"]: Head(
            group_id=row["id"],
            account_id=row["account_id"],
            record_type=RecordType(row["record_type"]),
            epoch=row["epoch"],
            position=row["position"],
            version=row["version"],
            member_count=row["member_count"],
            audience=read_audience(row["view"]),
            owner_id=row["owner_id"],
        )
        for row in rows
    }


async def oldest_position(database: Database, head: Head) -> int:
    """The position before the oldest entry that is still kept: a cursor below it cannot be replayed."""
    row = await database.row(OLDEST, group_id=head.group_id, epoch=head.epoch)
    return head.position if row["oldest"] is None else row["oldest"] - 1


async def entries_after(database: Database, group_id: int, epoch: str, position: int) -> list[Entry]:
    """The next entries of a group's log, at most a page of them."""
    rows = await database.rows(ENTRIES, group_id=group_id, epoch=epoch, position=position, page=PAGE)
    return [
        Entry(
            position=row["position"],
            kind=EventKind(row["kind"]),
            from_version=row["from_version"],
            to_version=row["to_version"],
            member_count=row["member_count"],
            cause=ChangeCause(row["cause"]),
            joined=tuple(orjson.loads(row["joined"])),
            left=tuple(orjson.loads(row["left"])),
            occurred_at=from_microseconds(row["occurred_at"]),
        )
        for row in rows
    ]
