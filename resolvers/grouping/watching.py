"""Subscriptions on behalf of a caller: to a group, to member counts, and to the groups of a contact."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence

from models import Group
from models.errors import BadInput
from resolvers.operation.context import Context
from resolvers.operation.identify import id_of, unknown
from subscriptions.contacts.stream import ContactStream
from subscriptions.counts import CountStream
from subscriptions.cursor import Cursor, read_cursor
from subscriptions.messages import ContactGroupChange, GroupCount, Message
from subscriptions.stream import Stream
from subscriptions.viewer import Viewer

MOST_COUNTED = 100  # groups in one subscription to counts


def cursor(group: Group) -> str:
    """Return the group's position in its log. A stream that starts there misses nothing after this row was read."""
    return str(Cursor(group.id, group.epoch, group.position))


def group_changes(context: Context, group_id: str, after: str | None) -> AsyncIterable[Message]:
    """Yield everything that happens to the group after a cursor, or from now on."""
    services = context.services
    number = id_of(group_id, "Group", "group")
    cursor = None if after is None else read_cursor(after)
    return Stream(services.hub.groups, _viewer(context), number, cursor, services.heartbeat_seconds)


def group_counts(context: Context, group_ids: Sequence[str]) -> AsyncIterator[GroupCount]:
    """Yield the current member counts of these groups, then each change. Quick changes are combined, but the latest is always sent."""
    if not 1 <= len(group_ids) <= MOST_COUNTED:
        raise BadInput(f"`groupIds` names {len(group_ids)} groups. Name 1 to {MOST_COUNTED}.")
    numbers = dict.fromkeys(id_of(group_id, "Group", "group") for group_id in group_ids)
    return CountStream(context.services.hub.groups, _viewer(context)).follow(numbers)


def contact_group_changes(context: Context, contact_id: str) -> AsyncIterator[ContactGroupChange]:
    """Yield the groups of a contact that the caller may view, then each join and leave until the contact is deleted."""
    services = context.services
    number = id_of(contact_id, "Contact", "contact")
    return ContactStream(services.hub.contacts, _viewer(context), services.wall_clock).follow(number)


async def group_of(context: Context, group_id: int) -> Group:
    """Return the group that a message is about. That the caller may view it was checked just before."""
    rows = await context.scope.all_groups.filter(id=group_id)
    if not rows:
        raise unknown("group")
    return context.loaders.remember_groups(rows)[0]


async def group_left_or_joined(context: Context, change: ContactGroupChange) -> Group:
    """Return the group that a contact joined or left. If it was deleted since, return the last known row."""
    rows = await context.scope.all_groups.filter(id=change.group_id)
    return context.loaders.remember_groups(rows or [change.last_known])[0]


def _viewer(context: Context) -> Viewer:
    caller = context.caller
    return Viewer(caller.account_id, caller.people)
