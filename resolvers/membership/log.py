"""Writing flips to the database: heads, events and members of every flipped group, in a handful of set-based statements."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from models import ChangeCause, EventKind
from models.fields import to_microseconds
from resolvers.membership.change import Change
from resolvers.membership.evaluate import Flips

LARGEST_EVENT = 500  # ids in one entry of the log
LARGEST_STATEMENT = 20_000  # memberships in one statement, some 800 kB of JSON

LOCK_HEADS = "SELECT id, epoch, position, version, member_count FROM groups WHERE id = ANY(:ids) ORDER BY id"
ADVANCE_HEADS = """
    UPDATE groups SET position = head.position, version = head.version, member_count = head.member_count
    FROM ROWS(:heads AS head(id bigint, position bigint, version bigint, member_count bigint)) WHERE groups.id = head.id
"""
APPEND_EVENTS = """
    INSERT INTO group_events (account_id, group_id, epoch, position, kind, from_version, to_version, member_count,
                              cause, joined, "left", occurred_at)
    SELECT CAST(:account AS bigint), group_id, epoch, position, kind, from_version, to_version, member_count,
           cause, joined, leaving, CAST(:at AS bigint)
    FROM ROWS(:events AS event(group_id bigint, epoch text, position bigint, kind text, from_version bigint, to_version bigint,
                               member_count bigint, cause text, joined text, leaving text))
"""
# Who is a member already when a next membership is made stays one since then.
INSERT_MEMBERS = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT groups.account_id, groups.members_id, member.record_id, coalesce(stays.joined_at, CAST(:at AS bigint))
    FROM ROWS(:members AS member(group_id bigint, record_id bigint)) JOIN groups ON groups.id = member.group_id
    LEFT JOIN groups AS present ON present.id = groups.replaces_id
    LEFT JOIN group_members AS stays ON stays.set_id = present.members_id AND stays.record_id = member.record_id
"""
DELETE_MEMBERS = """
    DELETE FROM group_members WHERE (set_id, record_id) IN
    (SELECT members_id, record_id FROM ROWS(:members AS member(group_id bigint, record_id bigint)) JOIN groups ON groups.id = group_id)
"""


@dataclass(slots=True)
class Head:
    """Where a group's log ends, while entries are being appended."""

    id: int
    epoch: str
    position: int
    version: int
    member_count: int

    def members_event(self, cause: ChangeCause, joined: list[int], left: list[int]) -> dict[str, Any]:
        """The entry for these joins and leaves; the head moves past it."""
        start = self.version
        self.position += 1
        self.version += len(joined) + len(left)
        self.member_count += len(joined) - len(left)
        return self._event(EventKind.MEMBERS, cause, start) | {"joined": _ids(joined), "leaving": _ids(left)}

    def definition_event(self, cause: ChangeCause) -> dict[str, Any]:
        """The entry that says that the criteria changed; the head moves past it, its version does not."""
        self.position += 1
        return self._event(EventKind.DEFINITION, cause, self.version) | {"joined": "[]", "leaving": "[]"}

    def _event(self, kind: EventKind, cause: ChangeCause, start: int) -> dict[str, Any]:
        return {
            "group_id": self.id,
            "epoch": self.epoch,
            "position": self.position,
            "kind": kind,
            "from_version": start,
            "to_version": self.version,
            "member_count": self.member_count,
            "cause": cause,
        }

    def row(self) -> dict[str, Any]:
        """The columns that advance."""
        return {"id": self.id, "position": self.position, "version": self.version, "member_count": self.member_count}


async def append(change: Change, flips: Flips, edited: Collection[int] = ()) -> list[int]:
    """Log and carry out the flips, as the last statements before commit; returns the groups whose logs have grown."""
    grown = await record(change, flips, edited)
    if grown:
        await carry_out(change, flips)
    return grown


async def record(change: Change, flips: Flips, edited: Collection[int] = ()) -> list[int]:
    """Log the flips and advance the heads; returns the groups whose logs have grown.

    The groups in `edited` first get an entry that says so. Groups are locked in ascending order, which keeps
    concurrent writers from waiting for each other in a circle.
    """
    group_ids = sorted({*flips.group_ids(), *edited})
    if not group_ids:
        return []
    database = change.database
    lock = " FOR NO KEY UPDATE" if database.engine == "postgresql" else ""
    heads = [Head(**row) for row in await database.rows(LOCK_HEADS + lock, ids=group_ids)]
    events = [event for head in heads for event in _events(head, change.cause, flips, edited=head.id in edited)]
    await database.rows(ADVANCE_HEADS, heads=[head.row() for head in heads])
    await database.rows(APPEND_EVENTS, account=change.account_id, events=events, at=to_microseconds(change.at))
    return [head.id for head in heads]


async def carry_out(change: Change, flips: Flips) -> None:
    """Insert those who join and delete those who leave."""
    for joined in _chunks(_pairs(flips.joined)):
        await change.database.rows(INSERT_MEMBERS, members=joined, at=to_microseconds(change.at))
    for left in _chunks(_pairs(flips.left)):
        await change.database.rows(DELETE_MEMBERS, members=left)


def _events(head: Head, cause: ChangeCause, flips: Flips, *, edited: bool) -> Iterator[dict[str, Any]]:
    if edited:
        yield head.definition_event(cause)
    for joined, left in _batches(flips.joined.get(head.id, []), flips.left.get(head.id, [])):
        yield head.members_event(cause, joined, left)


def _batches(joined: list[int], left: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    marked = [(record_id, True) for record_id in joined] + [(record_id, False) for record_id in left]
    for start in range(0, len(marked), LARGEST_EVENT):
        batch = marked[start : start + LARGEST_EVENT]
        yield [record_id for record_id, joins in batch if joins], [record_id for record_id, joins in batch if not joins]


def _chunks(pairs: list[dict[str, int]]) -> Iterator[list[dict[str, int]]]:
    for start in range(0, len(pairs), LARGEST_STATEMENT):
        yield pairs[start : start + LARGEST_STATEMENT]


def _pairs(flipped: dict[int, list[int]]) -> list[dict[str, int]]:
    return [{"group_id": group_id, "record_id": record_id} for group_id, found in flipped.items() for record_id in found]


def _ids(numbers: list[int]) -> str:
    return orjson.dumps(numbers).decode()
