"""Working out whole memberships anew, set-based, after a definition or something it refers to has changed."""

import secrets

from tortoise.expressions import Q, Subquery
from tortoise.queryset import QuerySet

from models import Appointment, Contact, GroupMember, RecordType
from models.fields import to_microseconds
from resolvers.criteria.query import criteria_query
from resolvers.criteria.time import Now
from resolvers.membership.change import Change
from resolvers.membership.evaluate import Flips
from resolvers.membership.index import AccountDefinitions, Definition
from resolvers.membership.log import append, carry_out

LARGEST_EXACT_CHANGE = 100_000  # joins and leaves that are announced one by one; beyond it watchers read anew

NEW_EPOCH = """
    UPDATE groups SET epoch = :epoch, position = 0, version = 0, updated_at = :at,
    member_count = (SELECT count(*) FROM group_members WHERE group_id = :group_id)
    WHERE id = :group_id
"""


async def rebuild(change: Change, definitions: AccountDefinitions, now: Now) -> list[int]:
    """Bring the stale groups, and all that depend on them, to what their criteria say now; the fence must be exclusive."""
    stale = (change.stale_groups | definitions.dependants(change.stale_groups)) & definitions.groups.keys()
    grown = []
    for group_id in sorted(stale, key=definitions.rank):
        grown += await _rebuild(change, definitions.groups[group_id], now)
    return grown


async def _rebuild(change: Change, definition: Definition, now: Now) -> list[int]:
    flips = await _difference(change, definition, now)
    joined, left = flips.joined[definition.group_id], flips.left[definition.group_id]
    if len(joined) + len(left) > LARGEST_EXACT_CHANGE:
        await carry_out(change, flips)
        await recount(change, definition.group_id)
        return [definition.group_id]
    return await append(change, flips, change.edited_groups & {definition.group_id})


async def _difference(change: Change, definition: Definition, now: Now) -> Flips:
    members = GroupMember.filter(group_id=definition.group_id)
    matching = matching_records(change.account_id, definition, now)
    joined = matching.filter(Q(id__not_in=Subquery(members.values("record_id")))).order_by("id")
    left = members.filter(Q(record_id__not_in=Subquery(matching.values("id")))).order_by("record_id")
    flips = Flips()
    flips.joined[definition.group_id] = [row["id"] for row in await joined.values("id")]
    flips.left[definition.group_id] = [row["record_id"] for row in await left.values("record_id")]
    return flips


def matching_records(account_id: int, definition: Definition, now: Now) -> QuerySet[Contact] | QuerySet[Appointment]:
    """The records that a group's criteria select at this moment."""
    model = Contact if definition.record_type is RecordType.CONTACT else Appointment
    return model.filter(account_id=account_id).filter(criteria_query(definition.tree, now))


async def recount(change: Change, group_id: int) -> None:
    """Begin a new epoch of the group's log with the members that are stored: its watchers read them anew."""
    await change.database.rows(NEW_EPOCH, epoch=new_epoch(), at=to_microseconds(change.at), group_id=group_id)


def new_epoch() -> str:
    """A name for an epoch that no other epoch of any group has."""
    return secrets.token_hex(8)
