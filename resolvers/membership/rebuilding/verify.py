"""Verifying an account: stored members, the fold of the log, and a fresh evaluation of the criteria must be the same set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from models import EventKind, Group, GroupEvent, GroupMember
from models.engine.database import Database
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import Definition
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import read_span
from resolvers.membership.rebuilding.rebuild import matching_records


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that is wrong with one group, with the ids of the records concerned where there are any."""

    group_id: int
    name: str
    finding: str
    record_ids: tuple[int, ...] = ()
    in_log: bool = False


async def verify(database: Database, definitions: DefinitionsCache, account_id: int) -> list[Discrepancy]:
    """All discrepancies in the account as of one moment, whatever is written meanwhile. There should be none."""
    async with database.snapshot():
        return await find_discrepancies(database, definitions, account_id)


async def find_discrepancies(database: Database, definitions: DefinitionsCache, account_id: int) -> list[Discrepancy]:
    """The same, for callers that have a transaction in which nobody else writes."""
    current = await definitions.fresh(database, account_id)
    moments = [Now(at, current.zone) for at in sorted({*await read_span(database)})]
    return [
        discrepancy
        for group in await Group.filter(account_id=account_id, replaces_id=None).exclude(members_id=0).order_by("id")
        for discrepancy in await _compare_group(group, current.groups[group.id], moments)
    ]


async def _compare_group(group: Group, definition: Definition, moments: Sequence[Now]) -> list[Discrepancy]:
    stored = set(await GroupMember.filter(set_id=group.members_id).values_list("record_id", flat=True))
    # During a step of the clock, some records have been evaluated at the later moment already, and others not yet.
    fresh = [{*await matching_records(group.account_id, definition, now).values_list("id", flat=True)} for now in moments]
    log = await GroupEvent.filter(group_id=group.id, epoch=group.epoch).order_by("position")
    in_members = [
        *_compare("members that the criteria do not select", stored.difference(*fresh)),
        *_compare("records that the criteria select and that are no members", set.intersection(*fresh) - stored),
    ]
    in_log = [*_head(group, stored, log), *_fold(stored, log)]
    return [
        *(Discrepancy(group.id, group.name, finding, records) for finding, records in in_members),
        *(Discrepancy(group.id, group.name, finding, records, in_log=True) for finding, records in in_log),
    ]


def _compare(finding: str, records: set[Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    if records:
        yield finding, tuple(sorted(records))


def _head(group: Group, stored: set[Any], log: list[GroupEvent]) -> Iterator[tuple[str, tuple[int, ...]]]:
    if group.member_count != len(stored):
        yield f"memberCount is {group.member_count} and there are {len(stored)} members", ()
    if log and (log[-1].position, log[-1].to_version, log[-1].member_count) != (group.position, group.version, group.member_count):
        yield "the log does not end where the group says", ()
    for earlier, later in pairwise(log):
        if later.position != earlier.position + 1 or later.from_version != earlier.to_version:
            yield f"the log has a gap after position {earlier.position}", ()


def _fold(stored: set[Any], log: list[GroupEvent]) -> Iterator[tuple[str, tuple[int, ...]]]:
    members: set[int] = set()
    for entry in log:
        joined, left = set(entry.joined), set(entry.left)
        if entry.kind is EventKind.MEMBERS and entry.to_version - entry.from_version != len(joined) + len(left):
            yield f"the entry at position {entry.position} does not count its ids", ()
        members = (members | joined) - left
    # A log that was pruned, or whose epoch began with members, does not say how its first members joined.
    is_complete = bool(log) and log[0].member_count == len(log[0].joined) and log[0].position == 1
    if is_complete and members != stored:
        yield "the fold of the log is not the stored membership", tuple(sorted(members ^ stored))
