"""Dry runs of bulk actions: every chunk is written, settled, counted and rolled back.

What becomes of a contact does not depend on other contacts, so the chunks can be added up.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from models import ChangeCause, Group
from models.errors import ProblemCode, refuse
from resolvers.bulk.bulk_change import BulkChange
from resolvers.bulk.chunks import BulkChunk, NextContacts, TargetPosition, find_next_contacts, take_chunk
from resolvers.bulk.needs import check_needs
from resolvers.bulk.pace import ChunkPace
from resolvers.bulk.statements import EVENTS_SINCE, LAST_EVENT, OWNED_IDS
from resolvers.bulk.targets import BulkTarget
from resolvers.criteria.language.record_types import CONTACT
from resolvers.membership.change import Change
from resolvers.operation.context import Context
from resolvers.write import dry_run, retry_lost_races

MOST_PREVIEWED = 100_000  # contacts: the client waits for the answer

ReadChange = Callable[[Change], Awaitable[BulkChange]]


@dataclass(frozen=True, slots=True)
class GroupEffect:
    """How many records would join a group, and how many would leave it."""

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
    """Counts over the chunks so far, with joins and leaves by group."""

    total: int = 0
    changed: int = 0
    joins: Counter[int] = field(default_factory=Counter)
    leaves: Counter[int] = field(default_factory=Counter)

    def add(self, other: "_Tally") -> None:
        """Add the counts of another chunk."""
        self.total += other.total
        self.changed += other.changed
        self.joins.update(other.joins)
        self.leaves.update(other.leaves)


class _Applied(NamedTuple):
    """A chunk that was changed and is not settled yet: its records by type, and the last entry of any log before that."""

    chunk: BulkChunk
    changed: int
    records: dict[str, set[int]]  # by the names of their types
    last_event: int


async def preview(context: Context, target: BulkTarget, read: ReadChange) -> BulkPreview:
    """What the change would do to the target now, and to groups that the caller may view. Nothing is stored."""
    if await target.total(context) > MOST_PREVIEWED:
        message = f"A dry run counts at most {MOST_PREVIEWED:,} contacts. Narrow the target, or start without one."
        raise refuse(ProblemCode.LIMIT_EXCEEDED, message, "input", "dryRun")
    tally, pace, after, is_last = _Tally(), ChunkPace(context.services.bulk_chunk), 0, False
    while not is_last:
        chunk, counted = await _preview_next(context, TargetPosition(target, after, pace.size), read, pace)
        context.forget()
        tally.add(counted)
        after, is_last = chunk.last_id, chunk.is_last
    return BulkPreview(tally.total, tally.changed, await _effects(context, tally))


async def _preview_next(context: Context, position: TargetPosition, read: ReadChange, pace: ChunkPace) -> tuple[BulkChunk, _Tally]:
    following = await find_next_contacts(context, position)
    with pace.timed():
        return await retry_lost_races(lambda: _preview_chunk(context, following, read))


async def _preview_chunk(context: Context, following: NextContacts, read: ReadChange) -> tuple[BulkChunk, _Tally]:
    async with dry_run(context, ChangeCause.BULK_ACTION, lambda change: _apply(context, change, following, read)) as (applied, grown):
        return applied.chunk, await _count(context, applied, grown)


async def _apply(context: Context, change: Change, following: NextContacts, read: ReadChange) -> _Applied:
    await check_needs(change, following.position.target.needs)
    bulk_change = await read(change)
    chunk = await take_chunk(context, change, following)
    last_event = (await change.database.row(LAST_EVENT))["id"]
    records = {CONTACT.name: {*chunk.present}}
    for owned in context.services.record_types.owned:
        statement = OWNED_IDS.format(table=owned.table)
        rows = await change.database.rows(statement, account=change.account_id, contacts=list(chunk.present))
        records[owned.name] = {row["id"] for row in rows}
    changed = (await bulk_change.apply(change, chunk.present)).changed if chunk.present else 0
    return _Applied(chunk, changed, records, last_event)


async def _count(context: Context, applied: _Applied, grown: Sequence[int]) -> _Tally:
    """Count from the logs what became of the chunk. Other writers cannot move its records meanwhile, because they are locked."""
    tally = _Tally(len(applied.chunk.reached), applied.changed)
    given = {"account": context.caller.account_id, "last": applied.last_event, "groups": sorted(grown)}
    for row in await context.services.database.rows(EVENTS_SINCE, **given):
        own = applied.records[row["record_type"]]
        tally.joins[row["group_id"]] += len(own.intersection(orjson.loads(row["joined"])))
        tally.leaves[row["group_id"]] += len(own.intersection(orjson.loads(row["leaving"])))
    return tally


async def _effects(context: Context, tally: _Tally) -> list[GroupEffect]:
    groups = await context.loaders.groups_by_id.load_many(sorted(tally.joins.keys() | tally.leaves.keys()))
    visible = sorted((group for group in groups if group), key=_by_name)
    effects = (GroupEffect(group, tally.joins[group.id], tally.leaves[group.id]) for group in visible)
    return [effect for effect in effects if effect.joins or effect.leaves]


def _by_name(group: Any) -> tuple[str, int]:
    return group.name_folded, group.id
