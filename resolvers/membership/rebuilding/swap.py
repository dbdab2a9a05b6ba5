"""Putting finished memberships in force: what they change is found out beforehand, so that writers wait only for the swap itself."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from models.engine.database import Database
from models.fields import to_microseconds
from models.orm.numbers import numbers
from resolvers.membership.change import Change, Flips
from resolvers.membership.journal.log import record
from resolvers.membership.rebuilding.builds import Build, forget
from resolvers.membership.rebuilding.rebuild import LARGEST_EXACT_CHANGE, new_epoch

HEADS = "SELECT id, epoch, position, member_count, members_id FROM groups WHERE id = ANY(:ids)"
# What is new has no statistics yet: EXCEPT is quick without them.
MISSING = """
    SELECT record_id AS id FROM group_members WHERE set_id = :one
    EXCEPT SELECT record_id FROM group_members WHERE set_id = :other LIMIT :most
"""
SINCE = """
    SELECT joined, "left" FROM group_events WHERE group_id = :group_id AND epoch = :epoch AND position > :position
"""
MEMBERS_AMONG = "SELECT record_id FROM group_members WHERE set_id = :set_id AND record_id = ANY(:ids)"
EXCHANGE = """
    UPDATE groups SET members_id = swap.members_id, criteria = swap.criteria, state = 'READY', updated_at = CAST(:at AS bigint)
    FROM ROWS(:swaps AS swap(id bigint, members_id bigint, criteria text)) WHERE groups.id = swap.id
"""
BEGIN_ANEW = """
    UPDATE groups SET epoch = :epoch, position = 0, version = 0, member_count = :member_count WHERE id = :group_id
"""


class Head(NamedTuple):
    """Where the log of a group ends, and the set of its members."""

    id: int
    epoch: str
    position: int
    member_count: int
    members_id: int


class Difference(NamedTuple):
    """What a build changes, as of some places in the two logs or later.

    One that was large once remains so: it was not read to its end, and watchers are told to read the members anew.
    """

    present: Head
    following: Head
    joined: set[int]
    left: set[int]
    was_large: bool = False

    @property
    def is_large(self) -> bool:
        """Whether watchers are better told to read the members anew."""
        return self.was_large or len(self.joined) + len(self.left) > LARGEST_EXACT_CHANGE


async def difference(database: Database, build: Build) -> Difference | None:
    """What would change if the build were in force now; None if it is not there any more."""
    heads = await _heads(database, build)
    if heads is None:
        return None
    present, following = heads
    joined = await _missing(database, one=following, other=present)
    return Difference(*heads, joined, left=await _missing(database, one=present, other=following))


async def swap(change: Change, found: Mapping[Build, Difference]) -> bool:
    """Put builds in force and tell what that changes; false if it must be found out again. The fence must be exclusive."""
    current = {build: await _updated(change.database, build, known) for build, known in found.items()}
    settled = {build: known for build, known in current.items() if known}
    if len(settled) < len(current):
        return False
    await _tell(change, settled)
    await _exchange(change, settled)
    return True


async def _heads(database: Database, build: Build) -> tuple[Head, Head] | None:
    found = {row["id"]: Head(**row) for row in await database.rows(HEADS, ids=[build.id, build.group_id])}
    return (found[build.group_id], found[build.id]) if len(found) == len((build.id, build.group_id)) else None


async def _missing(database: Database, *, one: Head, other: Head) -> set[int]:
    # As a list: to make rows of so many would keep all others waiting.
    return {*await numbers(database, MISSING, one=one.members_id, other=other.members_id, most=LARGEST_EXACT_CHANGE + 1)}


async def _updated(database: Database, build: Build, known: Difference) -> Difference | None:
    """The difference as of now: what both logs have told since is looked at once more."""
    heads = await _heads(database, build)
    if heads is None or [head.epoch for head in heads] != [known.present.epoch, known.following.epoch]:
        return None
    changed: set[int] = set()
    for before, head in zip(known[:2], heads, strict=True):
        logged = await _changed_since(database, before, head.position)
        if logged is None:
            return None
        changed |= logged
    present, following = [await _among(database, head, changed) for head in heads]
    joined, left = (known.joined - changed) | (following - present), (known.left - changed) | (present - following)
    return Difference(*heads, joined, left, was_large=known.is_large)


async def _changed_since(database: Database, before: Head, position: int) -> set[int] | None:
    """The records that joined or left from one position of a log to a later one, or None if an entry in between has been pruned."""
    rows = await database.rows(SINCE, group_id=before.id, epoch=before.epoch, position=before.position)
    if len(rows) != position - before.position:
        return None
    return {record_id for row in rows for side in ("joined", "left") for record_id in orjson.loads(row[side])}


async def _among(database: Database, head: Head, record_ids: Iterable[int]) -> set[int]:
    rows = await database.rows(MEMBERS_AMONG, set_id=head.members_id, ids=sorted(record_ids))
    return {row["record_id"] for row in rows}


async def _tell(change: Change, found: Mapping[Build, Difference]) -> None:
    flips = Flips()
    for build, known in found.items():
        if known.is_large:
            count = known.following.member_count
            await change.database.rows(BEGIN_ANEW, epoch=new_epoch(), member_count=count, group_id=build.group_id)
        else:
            flips.joined[build.group_id] = sorted(known.joined)
            flips.left[build.group_id] = sorted(known.left)
    edited = {build.group_id for build, known in found.items() if build.is_edit and not build.is_first and not known.is_large}
    await record(change, flips, edited)
    change.announce(*(build.group_id for build in found))


async def _exchange(change: Change, found: Mapping[Build, Difference]) -> None:
    swaps = [
        {"id": head.id, "members_id": other.members_id, "criteria": orjson.dumps(build.criteria).decode()}
        for build, (present, following, *_) in found.items()
        for head, other in ((present, following), (following, present))
    ]
    await change.database.rows(EXCHANGE, swaps=swaps, at=to_microseconds(change.at))
    await forget(change, [build.id for build in found])
    change.recompile(*(build.group_id for build in found))
