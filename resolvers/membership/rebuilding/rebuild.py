"""Rebuilding whole memberships, by queries over all records, after a definition or something it refers to has changed."""

import secrets
from typing import Any

from tortoise.queryset import QuerySet

from models.fields import to_microseconds
from models.orm.tortoise_adapter import statement_of
from resolvers.criteria.querying.prepare import prepare_checks
from resolvers.criteria.querying.query import criteria_query
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition
from resolvers.membership.change import Change, Flips
from resolvers.membership.journal.log import append, update_members
from resolvers.membership.rebuilding.statements import BEGIN_COUNTED_EPOCH

LARGEST_EXACT_CHANGE = 100_000  # joins and leaves that are logged one by one: beyond it a new epoch begins, and subscribers read again


async def rebuild(change: Change, definitions: AccountDefinitions, now: Now) -> list[int]:
    """Bring stale groups, and those that depend on them, up to date. Returns the ids of the logged groups. The fence must be exclusive."""
    named = change.stale_groups | definitions.replacing(change.stale_groups)
    stale = (named | definitions.dependants(named)) & definitions.groups.keys()
    grown = []
    for group_id in sorted(stale, key=definitions.rank):
        grown += await _rebuild(change, definitions.groups[group_id], now)
    return grown


async def _rebuild(change: Change, definition: Definition, now: Now) -> list[int]:
    flips = await _difference(change, definition, now)
    joined, left = flips.joined[definition.group_id], flips.left[definition.group_id]
    if len(joined) + len(left) > LARGEST_EXACT_CHANGE:
        await update_members(change, flips)
        await recount(change, definition.group_id)
        return [definition.group_id]
    return await append(change, flips, change.edited_groups & {definition.group_id})


async def _difference(change: Change, definition: Definition, now: Now) -> Flips:
    await prepare_checks(definition.tree, now)
    # Not NOT IN, which would search one side from end to end for each record of the other.
    matching, values = statement_of(matching_records(change.account_id, definition, now).values("id"))
    members = f"SELECT record_id AS id FROM group_members WHERE set_id = {definition.members_id:d}"  # noqa: S608  # a number of our own
    flips, connection = Flips(), change.database.connection
    joined = await connection.execute_query_dict(f"{matching} EXCEPT {members}", values)
    left = await connection.execute_query_dict(f"{members} EXCEPT {matching}", values)
    flips.joined[definition.group_id] = sorted(row["id"] for row in joined)
    flips.left[definition.group_id] = sorted(row["id"] for row in left)
    return flips


def matching_records(account_id: int, definition: Definition, now: Now) -> QuerySet[Any]:
    """The records that match a group's criteria at this moment."""
    return definition.record_type.model.filter(account_id=account_id).filter(criteria_query(definition.tree, now))


async def recount(change: Change, group_id: int) -> None:
    """Start a new epoch of the group's log with the members that are stored, so that its subscribers read them again."""
    await change.database.rows(
        BEGIN_COUNTED_EPOCH, account=change.account_id, epoch=new_epoch(), at=to_microseconds(change.at), group_id=group_id
    )


def new_epoch() -> str:
    """A random name for an epoch, which no other epoch has."""
    return secrets.token_hex(8)
