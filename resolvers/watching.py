"""Watching a group on behalf of a caller."""

from collections.abc import AsyncIterator, Sequence

from models import Group
from models.errors import BadInput
from resolvers.context import Context
from resolvers.identify import id_of
from subscriptions.counts import CountStream
from subscriptions.cursor import Cursor, read_cursor
from subscriptions.messages import GroupCount, Message
from subscriptions.stream import Stream
from subscriptions.viewer import Viewer

MOST_COUNTED = 100  # groups in one subscription to counts


def cursor(group: Group) -> str:
    """The place in the group's log up to which this row tells; a stream that starts there misses nothing after it."""
    return str(Cursor(group.id, group.epoch, group.position))


async def group_changes(context: Context, group_id: str, after: str | None) -> AsyncIterator[Message]:
    """Everything that happens to the group after a cursor, or from now on; loaders are fresh for every message."""
    number = id_of(group_id, "Group", "group")
    services = context.services
    stream = Stream(services.hub, services.database, _viewer(context), services.heartbeat_seconds)
    async for message in stream.follow(number, read_cursor(after) if after is not None else None):
        context.forget()
        yield message


async def group_counts(context: Context, group_ids: Sequence[str]) -> AsyncIterator[GroupCount]:
    """The present member counts of these groups, then each change, the latest always and not more often than is useful."""
    if not 1 <= len(group_ids) <= MOST_COUNTED:
        raise BadInput(f"`groupIds` names {len(group_ids)} groups. Name 1 to {MOST_COUNTED}.")
    numbers = dict.fromkeys(id_of(group_id, "Group", "group") for group_id in group_ids)
    async for count in CountStream(context.services.hub, _viewer(context)).follow(numbers):
        context.forget()
        yield count


def _viewer(context: Context) -> Viewer:
    caller = context.caller
    return Viewer(caller.account_id, caller.user_id, caller.role)
