"""Dry runs: the real work, chunk by chunk, each chunk rolled back. What becomes of a contact does not depend on other chunks."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from models import ChangeCause, Group, RecordType
from models.engine.database import Database
from models.errors import ProblemCode, refuse
from resolvers.bulk.chunks import Ahead, Chunk, Place, look_ahead, take
from resolvers.bulk.needs import look_up
from resolvers.bulk.outcome import BulkChange
from resolvers.bulk.pace import Pace
from resolvers.bulk.targets import Target
from resolvers.membership.change.change import Change
from resolvers.membership.fence import shared
from resolvers.membership.settle import settle
from resolvers.operation.context import Context
from resolvers.write import winning

MOST_REHEARSED = 100_000  # contacts: the client waits for the answer

LAST_EVENT = "SELECT coalesce(max(id), 0) AS id FROM group_events"
EVENTS = """
    SELECT group_id, record_type, joined, "left" AS leaving FROM group_events JOIN groups ON groups.id = group_id
    WHERE group_events.id > :last AND group_id = ANY(:groups)
"""
APPOINTMENTS = "SELECT id FROM appointments WHERE contact_id = ANY(:contacts)"

Read = Callable[[Change], Awaitable[BulkChange]]


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """How many would join a group, and how many would leave it."""

    group: Group
    joins: int
    leaves: int


@dataclass(frozen=True, slots=True)
class BulkPreview:
    """What a bulk action would do."""

    total: int
    changed: int
    groups: Sequence[GroupEffect]


@dataclass(slots=True)
class _Tally:
    """What the chunks so far come to."""

    total: int = 0
    changed: int = 0
    joins: Counter[int] = field(default_factory=Counter)
    leaves: Counter[int] = field(default_factory=Counter)

    def add(self, other: "_Tally") -> None:
        """Count another chunk's too."""
        self.total += other.total
        self.changed += other.changed
        self.joins.update(other.joins)
        self.leaves.update(other.leaves)


async def rehearse(context: Context, target: Target, read: Read) -> BulkPreview:
    """Everything that the change would do to the target now, and to groups that the caller may view; nothing is written."""
    if await target.total(context) > MOST_REHEARSED:
        message = f"A dry run counts at most {MOST_REHEARSED:,} contacts. Narrow the target, or start without one."
        raise refuse(ProblemCode.LIMIT_EXCEEDED, message, "input", "dryRun")
    tally, pace, position, is_last = _Tally(), Pace(context.services.bulk_chunk), 0, False
    while not is_last:
        ahead = await look_ahead(context, Place(target, position, pace.size))
        with pace.timed():
            chunk, counted = await winning(partial(_rehearse_next, context, _Rehearsal(read, ahead)))
        context.forget()
        tally.add(counted)
        position, is_last = chunk.position, chunk.is_last
    return BulkPreview(tally.total, tally.changed, await _effects(context, tally))


@dataclass(frozen=True, slots=True)
class _Rehearsal:
    read: Read
    ahead: Ahead


async def _rehearse_next(context: Context, rehearsal: _Rehearsal) -> tuple[Chunk, _Tally]:
    services, account_id = context.services, context.caller.account_id
    async with _rolled_back(services.database, account_id):
        change = Change(services.database, account_id, context.caller.user_id or None, ChangeCause.BULK_ACTION, services.wall_clock())
        await look_up(change, rehearsal.ahead.place.target.needs)
        bulk_change = await rehearsal.read(change)
        chunk = await take(context, change, rehearsal.ahead)
        watch = await _Watch.of(change, chunk.present)
        changed = (await bulk_change.carry_out(change, chunk.present)).changed if chunk.present else 0
        grown = await settle(change, await services.definitions.current(services.database, account_id))
        tally = _Tally(len(chunk.reached), changed)
        await watch.count(change, grown, tally)
    return chunk, tally


class _RolledBack(Exception):
    """Ends a transaction that must leave nothing behind."""


@asynccontextmanager
async def _rolled_back(database: Database, account_id: int) -> AsyncIterator[None]:
    try:
        async with shared(database, account_id):
            yield
            raise _RolledBack
    except _RolledBack:
        pass


@dataclass(frozen=True, slots=True)
class _Watch:
    """Reads from the logs what a chunk causes: since its contacts are locked, nobody else can move them."""

    last_event: int
    records: dict[RecordType, set[int]]

    @staticmethod
    async def of(change: Change, contact_ids: Sequence[int]) -> "_Watch":
        """A watch on these contacts, which are locked, and on their appointments."""
        last = (await change.database.row(LAST_EVENT))["id"]
        appointments = await change.database.rows(APPOINTMENTS, contacts=list(contact_ids))
        return _Watch(last, {RecordType.CONTACT: {*contact_ids}, RecordType.APPOINTMENT: {row["id"] for row in appointments}})

    async def count(self, change: Change, group_ids: Sequence[int], tally: _Tally) -> None:
        """Add the joins and leaves that the logs tell of."""
        for row in await change.database.rows(EVENTS, last=self.last_event, groups=sorted(group_ids)):
            own = self.records[RecordType(row["record_type"])]
            tally.joins[row["group_id"]] += len(own.intersection(orjson.loads(row["joined"])))
            tally.leaves[row["group_id"]] += len(own.intersection(orjson.loads(row["leaving"])))


async def _effects(context: Context, tally: _Tally) -> list[GroupEffect]:
    groups = await context.loaders.groups_by_id.load_many(sorted(tally.joins.keys() | tally.leaves.keys()))
    seen = sorted((group for group in groups if group), key=_by_name)
    effects = (GroupEffect(group, tally.joins[group.id], tally.leaves[group.id]) for group in seen)
    return [effect for effect in effects if effect.joins or effect.leaves]


def _by_name(group: Any) -> tuple[str, int]:
    return group.name_folded, group.id
