"""Swapping finished builds in. What they change is found beforehand, so that writers wait only for the swap itself."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson

from models.engine.database import Database
from models.fields import to_microseconds
from models.orm.numbers import numbers
from resolvers.membership.change import Change, Flips
from resolvers.membership.journal.log import record
from resolvers.membership.rebuilding.builds import Build, discard
from resolvers.membership.rebuilding.rebuild import LARGEST_EXACT_CHANGE, new_epoch
from resolvers.membership.rebuilding.statements import BEGIN_EPOCH, EVENTS_SINCE, HEADS, MEMBERS_AMONG, MISSING, SWAP


class LogHead(NamedTuple):
    """Where the log of a group ends, and the set of its members."""

    id: int
    epoch: str
    position: int
    member_count: int
    members_id: int


class MembershipDifference(NamedTuple):
    """The members of a group that its build adds and removes, as of the positions of both logs that the heads say, or later.

    A difference that was large once stays large: it was not read to its end.
    """

    present: LogHead
    following: LogHead  # that of the build
    joined: set[int]
    left: set[int]
    was_large: bool = False

    @property
    def is_large(self) -> bool:
        """Whether a new epoch begins, so that subscribers read the members again, instead of single joins and leaves."""
        return self.was_large or len(self.joined) + len(self.left) > LARGEST_EXACT_CHANGE


async def find_difference(database: Database, account_id: int, build: Build) -> MembershipDifference | None:
    """What would change if the build were swapped in now. None if the build no longer exists."""
    heads = await _heads(database, account_id, build)
    if heads is None:
        return None
    present, following = heads
    joined = await _missing(database, one=following, other=present)
    return MembershipDifference(*heads, joined, left=await _missing(database, one=present, other=following))


async def swap_in(change: Change, found: Mapping[Build, MembershipDifference]) -> bool:
    """Swap builds in and log what that changes. Returns false if the differences must be found again. The fence must be exclusive."""
    current = {build: await _updated(change, build, known) for build, known in found.items()}
    settled = {build: known for build, known in current.items() if known}
    if len(settled) < len(current):
        return False
    await _log(change, settled)
    await _swap(change, settled)
    return True


async def _heads(database: Database, account_id: int, build: Build) -> tuple[LogHead, LogHead] | None:
    found = {row["id"]: LogHead(**row) for row in await database.rows(HEADS, account=account_id, ids=[build.id, build.group_id])}
    return (found[build.group_id], found[build.id]) if len(found) == len((build.id, build.group_id)) else None


async def _missing(database: Database, *, one: LogHead, other: LogHead) -> set[int]:
    # As a list: making a row for each of so many would block the event loop.
    return {*await numbers(database, MISSING, one=one.members_id, other=other.members_id, most=LARGEST_EXACT_CHANGE + 1)}


async def _updated(change: Change, build: Build, known: MembershipDifference) -> MembershipDifference | None:
    """The difference as of now. Records that either log has mentioned since are compared again. None if a log was pruned meanwhile."""
    heads = await _heads(change.database, change.account_id, build)
    if heads is None or [head.epoch for head in heads] != [known.present.epoch, known.following.epoch]:
        return None
    changed: set[int] = set()
    for before, head in zip(known[:2], heads, strict=True):
        logged = await _changed_since(change, before, head.position)
        if logged is None:
            return None
        changed |= logged
    present, following = [await _among(change.database, head, changed) for head in heads]
    joined, left = (known.joined - changed) | (following - present), (known.left - changed) | (present - following)
    return MembershipDifference(*heads, joined, left, was_large=known.is_large)


async def _changed_since(change: Change, before: LogHead, position: int) -> set[int] | None:
    """The records that joined or left between two positions of a log. None if an entry in between has been pruned."""
    given = {"account": change.account_id, "group_id": before.id, "epoch": before.epoch, "position": before.position}
    rows = await change.database.rows(EVENTS_SINCE, **given)
    if len(rows) != position - before.position:
        return None
    return {record_id for row in rows for side in ("joined", "left") for record_id in orjson.loads(row[side])}


async def _among(database: Database, head: LogHead, record_ids: Iterable[int]) -> set[int]:
    rows = await database.rows(MEMBERS_AMONG, set_id=head.members_id, ids=sorted(record_ids))
    return {row["record_id"] for row in rows}


async def _log(change: Change, found: Mapping[Build, MembershipDifference]) -> None:
    flips = Flips()
    for build, known in found.items():
        if known.is_large:
            given = {"account": change.account_id, "epoch": new_epoch(), "member_count": known.following.member_count}
            await change.database.rows(BEGIN_EPOCH, group_id=build.group_id, **given)
        else:
            flips.joined[build.group_id] = sorted(known.joined)
            flips.left[build.group_id] = sorted(known.left)
    edited = {build.group_id for build, known in found.items() if build.is_edit and not build.is_first and not known.is_large}
    await record(change, flips, edited)
    change.announce(*(build.group_id for build in found))


async def _swap(change: Change, found: Mapping[Build, MembershipDifference]) -> None:
    swaps = [
        {"id": head.id, "members_id": other.members_id, "criteria": orjson.dumps(build.criteria).decode()}
        for build, (present, following, *_) in found.items()
        for head, other in ((present, following), (following, present))
    ]
    await change.database.rows(SWAP, account=change.account_id, swaps=swaps, at=to_microseconds(change.at))
    await discard(change, [build.id for build in found])
    change.recompile(*(build.group_id for build in found))
