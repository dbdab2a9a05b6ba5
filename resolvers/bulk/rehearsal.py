"""Dry runs: the real work, chunk by chunk, each chunk rolled back. What becomes of a contact does not depend on other chunks."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from models import ChangeCause, Group
from models.engine.database import Database
from models.errors import ProblemCode, refuse
from resolvers.bulk.chunks import Ahead, Chunk, TargetPosition, look_ahead, take
from resolvers.bulk.needs import look_up
from resolvers.bulk.outcome import BulkChange
from resolvers.bulk.pace import Pace
from resolvers.bulk.targets import Target
from resolvers.criteria.language.record_types import CONTACT, RecordTypes
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.write import dry_run, retry_lost_races

MOST_REHEARSED = 100_000  # contacts: the client waits for the answer

LAST_EVENT = "SELECT coalesce(max(id), 0) AS id FROM group_events"
EVENTS = """
    SELECT group_id, record_type, joined, "left" AS leaving FROM group_events JOIN groups ON groups.id = group_id
    WHERE group_events.id > :last AND group_id = ANY(:groups)
"""
OWNED = "SELECT id FROM {table} WHERE contact_id = ANY(:contacts)"

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
        chunk, counted = await _rehearse_next(context, TargetPosition(target, position, pace.size), read, pace)
        context.forget()
        tally.add(counted)
        position, is_last = chunk.position, chunk.is_last
    return BulkPreview(tally.total, tally.changed, await _effects(context, tally))


async def _rehearse_next(context: Context, position: TargetPosition, read: Read, pace: Pace) -> tuple[Chunk, _Tally]:
    ahead = await look_ahead(context, position)
    with pace.timed():
        return await retry_lost_races(lambda: _rehearse(context, ahead, read))


async def _rehearse(context: Context, ahead: Ahead, read: Read) -> tuple[Chunk, _Tally]:
    async with dry_run(context, ChangeCause.BULK_ACTION, lambda change: _carry_out(context, change, ahead, read)) as (done, grown):
        tally = _Tally(len(done.chunk.reached), done.changed)
        await done.watch.count(context.services.database, grown, tally)
        return done.chunk, tally


async def _carry_out(context: Context, change: Change, ahead: Ahead, read: Read) -> "_Done":
    await look_up(change, ahead.place.target.needs)
    bulk_change = await read(change)
    chunk = await take(context, change, ahead)
    watch = await _Watch.of(change, context.services.record_types, chunk.present)
    changed = (await bulk_change.carry_out(change, chunk.present)).changed if chunk.present else 0
    return _Done(chunk, changed, watch)


class _Done(NamedTuple):
    """What was done with a chunk, before it is settled."""

    chunk: Chunk
    changed: int
    watch: "_Watch"


@dataclass(frozen=True, slots=True)
class _Watch:
    """Reads from the logs what a chunk causes: since its contacts are locked, nobody else can move them."""

    last_event: int
    records: dict[str, set[int]]  # by the names of their types

    @staticmethod
    async def of(change: Change, record_types: RecordTypes, contact_ids: Sequence[int]) -> "_Watch":
        """A watch on these contacts, which are locked, and on what they own."""
        last = (await change.database.row(LAST_EVENT))["id"]
        records = {CONTACT.name: {*contact_ids}}
        for owned in record_types.owned:
            rows = await change.database.rows(OWNED.format(table=owned.table), contacts=list(contact_ids))
            records[owned.name] = {row["id"] for row in rows}
        return _Watch(last, records)

    async def count(self, database: Database, group_ids: Sequence[int], tally: _Tally) -> None:
        """Add the joins and leaves that the logs tell of."""
        for row in await database.rows(EVENTS, last=self.last_event, groups=sorted(group_ids)):
            own = self.records[row["record_type"]]
            tally.joins[row["group_id"]] += len(own.intersection(orjson.loads(row["joined"])))
            tally.leaves[row["group_id"]] += len(own.intersection(orjson.loads(row["leaving"])))


async def _effects(context: Context, tally: _Tally) -> list[GroupEffect]:
    groups = await context.loaders.groups_by_id.load_many(sorted(tally.joins.keys() | tally.leaves.keys()))
    seen = sorted((group for group in groups if group), key=_by_name)
    effects = (GroupEffect(group, tally.joins[group.id], tally.leaves[group.id]) for group in seen)
    return [effect for effect in effects if effect.joins or effect.leaves]


def _by_name(group: Any) -> tuple[str, int]:
    return group.name_folded, group.id
