"""Reading the log of joins and leaves, from which all messages about groups are made."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import orjson

from models import ChangeCause, EventKind
from models.audience import Audience, read_audience
from models.engine.database import Database, Row
from models.fields import from_microseconds
from subscriptions.cursor import Cursor

PAGE = 64  # entries read at once: with 500 ids each, at most some 300 kB
WITH_HEAD = 4  # entries read along with a group's head: mostly there is one, and more are read by pages

HEADS = """
    SELECT id, account_id, record_type, epoch, position, version, member_count, view, owner_id
    FROM groups WHERE id = ANY(:ids)
"""
OLDEST = "SELECT min(position) AS oldest FROM group_events WHERE group_id = :group_id AND epoch = :epoch"
ENTRY = 'position, kind, from_version, to_version, member_count, cause, joined, "left", occurred_at'
ENTRIES = f"""
    SELECT {ENTRY} FROM group_events
    WHERE group_id = :group_id AND epoch = :epoch AND position > :position
    ORDER BY position LIMIT :page
"""  # noqa: S608  # a statement of our own
# A range of positions: with ORDER BY and LIMIT, the database would sort first.
NEWS = f"""
    SELECT group_id, {ENTRY} FROM ROWS(:known AS known(known_id bigint, known_epoch text, known_position bigint)) JOIN group_events
    ON group_id = known_id AND epoch = known_epoch AND position > known_position AND position <= known_position + :with_head
"""  # noqa: S608  # a statement of our own


@dataclass(frozen=True, slots=True)
class Head:
    """Where a group's log ends, and who may read it."""

    group_id: int
    account_id: int
    record_type: str
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


class HeadWithNews(NamedTuple):
    """Where a group's log ends, and the first entries after the end that was known before."""

    head: Head
    news: list[Entry]


async def read_heads(database: Database, group_ids: Iterable[int], known: Mapping[int, Cursor]) -> dict[int, HeadWithNews]:
    """The heads of those of these groups that exist, with what is new in the logs whose ends are known."""
    ends = [{"known_id": group_id, "known_epoch": cursor.epoch, "known_position": cursor.position} for group_id, cursor in known.items()]
    heads, entries = await database.answers(HEADS, NEWS, ids=sorted(group_ids), known=ends, with_head=WITH_HEAD)
    news: defaultdict[int, list[Entry]] = defaultdict(list)
    for row in sorted(entries, key=lambda row: row["position"]):
        news[row["group_id"]].append(_entry(row))
    return {row["id"]: HeadWithNews(_head(row), news[row["id"]]) for row in heads}


def _head(row: Row) -> Head:
    return Head(
        group_id=row["id"],
        account_id=row["account_id"],
        record_type=row["record_type"],
        epoch=row["epoch"],
        position=row["position"],
        version=row["version"],
        member_count=row["member_count"],
        audience=read_audience(row["view"]),
        owner_id=row["owner_id"],
    )


async def oldest_position(database: Database, head: Head) -> int:
    """The position before the oldest entry that is still stored: a cursor below it cannot be replayed."""
    row = await database.row(OLDEST, group_id=head.group_id, epoch=head.epoch)
    return head.position if row["oldest"] is None else row["oldest"] - 1


async def entries_after(database: Database, group_id: int, epoch: str, position: int) -> list[Entry]:
    """The next entries of a group's log, at most a page of them."""
    rows = await database.rows(ENTRIES, group_id=group_id, epoch=epoch, position=position, page=PAGE)
    return [_entry(row) for row in rows]


def _entry(row: Row) -> Entry:
    return Entry(
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
