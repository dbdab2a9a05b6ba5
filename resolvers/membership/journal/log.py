"""Writing flips to the database: heads, entries and members of every flipped group, set-based and in as few statements as can be."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import orjson

from models import EventKind
from models.engine.statement import Engine
from models.fields import to_microseconds
from resolvers.membership.change import Change, Flips

LARGEST_EVENT = 500  # ids in one entry of the log
LARGEST_STATEMENT = 20_000  # memberships in one statement, some 800 kB of JSON

# Heads are advanced by what is added to them, and entries say how far before the end of the log they lie: both are the same
# wherever the log ends, so that nobody has to read that first.
ADVANCE = """
    UPDATE groups SET position = groups.position + step.entries, version = groups.version + step.flips,
                      member_count = groups.member_count + step.growth
    FROM ROWS(:steps AS step(id bigint, entries bigint, flips bigint, growth bigint)) {locked}
    WHERE groups.id = step.id
    RETURNING groups.id AS id, groups.account_id AS account_id, members_id, replaces_id, epoch, position, version, member_count
"""
LOG = """
    INSERT INTO group_events (account_id, group_id, epoch, position, kind, from_version, to_version, member_count,
                              cause, joined, "left", occurred_at)
    SELECT CAST(:account AS bigint), head.id, head.epoch, head.position - entries_after, kind, head.version - flips_after - flips,
           head.version - flips_after, head.member_count - growth_after, CAST(:cause AS text), joined, leaving, CAST(:at AS bigint)
    FROM ROWS(:entries AS entry(group_id bigint, kind text, entries_after bigint, flips bigint, flips_after bigint,
                                growth_after bigint, joined text, leaving text)) JOIN {heads} AS head ON head.id = group_id
"""
# Who is a member already when a next membership is made stays one since then.
JOIN = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT own.account_id, own.members_id, member.record_id, coalesce((
        SELECT stays.joined_at FROM groups AS present JOIN group_members AS stays ON stays.set_id = present.members_id
        WHERE present.id = own.replaces_id AND stays.record_id = member.record_id
    ), CAST(:at AS bigint))
    FROM ROWS(:joined AS member(group_id bigint, record_id bigint)) JOIN {heads} AS own ON own.id = member.group_id
"""
LEAVE = """
    DELETE FROM group_members WHERE (set_id, record_id) IN
    (SELECT members_id, record_id FROM ROWS(:left AS member(group_id bigint, record_id bigint)) JOIN {heads} AS own ON own.id = group_id)
"""
# What is not carried out along with the log looks the groups up.
JOIN_LATER, LEAVE_LATER = JOIN.format(heads="groups"), LEAVE.format(heads="groups")
# Ascending order keeps concurrent writers from waiting for each other in a circle.
LOCKED = "JOIN (SELECT id FROM groups WHERE id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE) AS locked ON locked.id = step.id"
HEADS = f"WITH head AS ({ADVANCE.format(locked=LOCKED)}), logged AS ({LOG.format(heads='head')})"
RECORD: Mapping[Engine, tuple[str, ...]] = {
    "sqlite": (ADVANCE.format(locked=""), LOG.format(heads="groups")),
    "postgresql": (f"{HEADS} SELECT id FROM head",),  # noqa: S608  # statements of our own
}
APPEND: Mapping[Engine, tuple[str, ...]] = {
    "sqlite": (*RECORD["sqlite"], JOIN_LATER, LEAVE_LATER),
    "postgresql": (
        f"{HEADS}, came AS ({JOIN.format(heads='head')}), gone AS ({LEAVE.format(heads='head')}) SELECT id FROM head",  # noqa: S608  # ours
    ),
}

Pairs = list[dict[str, int]]  # of group and record


class Entries:
    """What a write adds to the log of one group, in entries of at most `LARGEST_EVENT` ids."""

    def __init__(self, group_id: int, flips: Flips, *, edited: bool) -> None:
        self._group_id = group_id
        self._added: list[dict[str, Any]] = []
        if edited:
            self._add(EventKind.DEFINITION, [], [])
        for joined, left in _batches(flips.joined.get(group_id, []), flips.left.get(group_id, [])):
            self._add(EventKind.MEMBERS, joined, left)

    def _add(self, kind: EventKind, joined: list[int], left: list[int]) -> None:
        flips, growth = len(joined) + len(left), len(joined) - len(left)
        self._added.append({"kind": kind, "flips": flips, "growth": growth, "joined": _ids(joined), "leaving": _ids(left)})

    def step(self) -> dict[str, int]:
        """How far they move the group's head."""
        return {"id": self._group_id, "entries": len(self._added), **self._after(0)}

    def rows(self) -> Iterator[dict[str, Any]]:
        """The entries, each with what comes after it."""
        for number, entry in enumerate(self._added, start=1):
            after = {f"{name}_after": total for name, total in self._after(number).items()}
            yield {"group_id": self._group_id, "entries_after": len(self._added) - number, **entry, **after}

    def _after(self, number: int) -> dict[str, int]:
        return {name: sum(entry[name] for entry in self._added[number:]) for name in ("flips", "growth")}


async def append(change: Change, flips: Flips, edited: Collection[int] = ()) -> list[int]:
    """Log and carry out the flips, as the last statements before commit; returns the groups whose logs have grown."""
    joined, left = _pairs(flips.joined), _pairs(flips.left)
    first = {"joined": joined[:LARGEST_STATEMENT], "left": left[:LARGEST_STATEMENT]}
    grown = await _record(change, APPEND, _entries(flips, edited), first)
    await _carry_out(change, joined[LARGEST_STATEMENT:], left[LARGEST_STATEMENT:])
    return grown


async def record(change: Change, flips: Flips, edited: Collection[int] = ()) -> list[int]:
    """Log the flips and advance the heads; returns the groups whose logs have grown.

    The groups in `edited` first get an entry that says so.
    """
    return await _record(change, RECORD, _entries(flips, edited), {})


async def carry_out(change: Change, flips: Flips) -> None:
    """Insert those who join and delete those who leave."""
    await _carry_out(change, _pairs(flips.joined), _pairs(flips.left))


def _entries(flips: Flips, edited: Collection[int]) -> dict[int, Entries]:
    return {group_id: Entries(group_id, flips, edited=group_id in edited) for group_id in sorted({*flips.group_ids(), *edited})}


async def _record(
    change: Change, statements: Mapping[Engine, tuple[str, ...]], entries: Mapping[int, Entries], members: Mapping[str, Pairs]
) -> list[int]:
    if not entries:
        return []
    grown, *_ = await change.database.run(
        *statements[change.database.engine],
        ids=list(entries),
        steps=[each.step() for each in entries.values()],
        entries=[row for each in entries.values() for row in each.rows()],
        account=change.account_id,
        cause=change.cause,
        at=to_microseconds(change.at),
        **members,
    )
    return [row["id"] for row in grown]


async def _carry_out(change: Change, joined: Pairs, left: Pairs) -> None:
    for chunk in _chunks(joined):
        await change.database.rows(JOIN_LATER, joined=chunk, at=to_microseconds(change.at))
    for chunk in _chunks(left):
        await change.database.rows(LEAVE_LATER, left=chunk)


def _batches(joined: list[int], left: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    marked = [(record_id, True) for record_id in joined] + [(record_id, False) for record_id in left]
    for start in range(0, len(marked), LARGEST_EVENT):
        batch = marked[start : start + LARGEST_EVENT]
        yield [record_id for record_id, joins in batch if joins], [record_id for record_id, joins in batch if not joins]


def _chunks(pairs: Pairs) -> Iterator[Pairs]:
    for start in range(0, len(pairs), LARGEST_STATEMENT):
        yield pairs[start : start + LARGEST_STATEMENT]


def _pairs(flipped: dict[int, list[int]]) -> Pairs:
    return [{"group_id": group_id, "record_id": record_id} for group_id, found in flipped.items() for record_id in found]


def _ids(numbers: Sequence[int]) -> str:
    return orjson.dumps(numbers).decode()
