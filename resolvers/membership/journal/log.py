"""Stores joins and leaves (flips): log entries, the heads of the logs, and members, in as few statements as possible.

The head of a group's log is the group's own row: epoch, position, version and member count after the last entry.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import orjson

from models import EventKind
from models.engine.statement import Engine
from models.fields import to_microseconds
from resolvers.membership.change import Change, Flips
from resolvers.membership.journal.statements import APPEND, JOIN_ALONE, LEAVE_ALONE, RECORD

LARGEST_EVENT = 500  # ids in one entry of the log
LARGEST_STATEMENT = 20_000  # memberships in one statement, some 800 kB of JSON

Pairs = list[dict[str, int]]  # of group and record
Values = dict[str, Any]  # of one row, by column


async def append(change: Change, flips: Flips, edited: Collection[int] = ()) -> list[int]:
    """Log the flips and store them in the member sets, as the last statements before commit. Returns the ids of the logged groups."""
    joined, left = _pairs(flips.joined), _pairs(flips.left)
    first = {"joined": joined[:LARGEST_STATEMENT], "left": left[:LARGEST_STATEMENT]}
    grown = await _write_log(change, APPEND, _entries(flips, edited), first)
    if max(len(joined), len(left)) > LARGEST_STATEMENT:
        await _update_members(change, joined[LARGEST_STATEMENT:], left[LARGEST_STATEMENT:])
    return grown


async def record(change: Change, flips: Flips, edited: Collection[int] = ()) -> list[int]:
    """Log the flips without storing them in the member sets. Returns the ids of the logged groups.

    The logs of the groups in `edited` first get an entry that says that their criteria changed.
    """
    return await _write_log(change, RECORD, _entries(flips, edited), {})


async def update_members(change: Change, flips: Flips) -> None:
    """Store the flips in the member sets without logging them."""
    await _update_members(change, _pairs(flips.joined), _pairs(flips.left))


async def _update_members(change: Change, joined: Pairs, left: Pairs) -> None:
    for chunk in _chunks(joined):
        await change.database.rows(JOIN_ALONE, joined=chunk, at=to_microseconds(change.at))
    for chunk in _chunks(left):
        await change.database.rows(LEAVE_ALONE, left=chunk)


def _entries(flips: Flips, edited: Collection[int]) -> dict[int, list[Values]]:
    """The entries that each group's log gets, in order of position."""
    return {group_id: _entries_of(group_id, flips, edited=group_id in edited) for group_id in sorted({*flips.group_ids(), *edited})}


def _entries_of(group_id: int, flips: Flips, *, edited: bool) -> list[Values]:
    found = [_entry(group_id, EventKind.DEFINITION, [], [])] if edited else []
    flipped = [(record_id, True) for record_id in flips.joined.get(group_id, ())]
    flipped += [(record_id, False) for record_id in flips.left.get(group_id, ())]
    for start in range(0, len(flipped), LARGEST_EVENT):
        part = flipped[start : start + LARGEST_EVENT]
        joined = [record_id for record_id, joins in part if joins]
        found.append(_entry(group_id, EventKind.MEMBERS, joined, [record_id for record_id, joins in part if not joins]))
    after = {"entries": 0, "flips": 0, "growth": 0}
    for entry in reversed(found):
        entry |= {f"{name}_after": total for name, total in after.items()}
        after = {name: total + entry[name] for name, total in after.items()}
    return found


def _entry(group_id: int, kind: EventKind, joined: list[int], left: list[int]) -> Values:
    count, growth = len(joined) + len(left), len(joined) - len(left)
    ids = {"joined": orjson.dumps(joined).decode(), "leaving": orjson.dumps(left).decode()}
    # An entry counts itself, so that all three can be summed up.
    return {"group_id": group_id, "kind": kind, "entries": 1, "flips": count, "growth": growth, **ids}


async def _write_log(
    change: Change, statements: Mapping[Engine, tuple[str, ...]], entries: Mapping[int, list[Values]], members: Mapping[str, Pairs]
) -> list[int]:
    if not entries:
        return []
    grown, *_ = await change.database.run(
        *statements[change.database.engine],
        ids=list(entries),
        steps=[_step(group_id, added) for group_id, added in entries.items()],
        entries=list(chain.from_iterable(entries.values())),
        account=change.account_id,
        cause=change.cause,
        at=to_microseconds(change.at),
        **members,
    )
    return [row["id"] for row in grown]


def _step(group_id: int, entries: Sequence[Values]) -> dict[str, int]:
    """How far these entries move the group's head."""
    return {"id": group_id, **{name: sum(entry[name] for entry in entries) for name in ("entries", "flips", "growth")}}


def _chunks(pairs: Pairs) -> Iterator[Pairs]:
    for start in range(0, len(pairs), LARGEST_STATEMENT):
        yield pairs[start : start + LARGEST_STATEMENT]


def _pairs(flipped: Mapping[int, list[int]]) -> Pairs:
    return [{"group_id": group_id, "record_id": record_id} for group_id, found in flipped.items() for record_id in found]
