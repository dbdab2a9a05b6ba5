"""Watching a group on behalf of a caller."""

from collections.abc import AsyncIterator

from models import Group
from resolvers.context import Context
from resolvers.identify import id_of
from subscriptions.cursor import Cursor, read_cursor
from subscriptions.messages import Message
from subscriptions.stream import Stream, Viewer


def cursor(group: Group) -> str:
    """The place in the group's log up to which this row tells; a stream that starts there misses nothing after it."""
    return str(Cursor(group.id, group.epoch, group.position))


async def group_changes(context: Context, group_id: str, after: str | None) -> AsyncIterator[Message]:
    """Everything that happens to the group after a cursor, or from now on; loaders are fresh for every message."""
    number = id_of(group_id, "Group", "group")
    services, caller = context.services, context.caller
    viewer = Viewer(caller.account_id, caller.user_id, caller.role)
    stream = Stream(services.hub, services.database, viewer, services.heartbeat_seconds)
    async for message in stream.follow(number, read_cursor(after) if after is not None else None):
        context.forget()
        yield message
