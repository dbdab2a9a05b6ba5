"""The live stream of one group for one watcher: replay from a cursor, then every entry of the log as it commits.

The guarantee: from where the watcher stands it receives the next entry or an explicit reset, never silence, a gap or a
repetition that the versions do not betray.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from models import EventKind
from models.database import Database
from models.errors import Forbidden, NotFound
from subscriptions.cursor import Cursor
from subscriptions.hub import Channel, Hub
from subscriptions.log import Entry, Head, entries_after, oldest_position
from subscriptions.messages import DefinitionChanged, GroupReset, Heartbeat, MembersChanged, Message, ResetReason
from subscriptions.viewer import Viewer


@dataclass(slots=True)
class Stream:
    """One watcher's way through a group's log."""

    hub: Hub
    database: Database
    viewer: Viewer
    heartbeat_seconds: float
    bell: asyncio.Event = field(default_factory=asyncio.Event)

    async def follow(self, group_id: int, after: Cursor | None) -> AsyncIterator[Message]:
        """Every message about the group from `after` on, or from now on; raises `NotFound` where there is nothing to view."""
        with self.hub.watching(group_id, self.bell) as channel:
            await self.hub.look(channel)
            head = channel.head
            if channel.gone or head is None or not self.viewer.may_view(head):
                raise NotFound("No such group.")
            at = Cursor(group_id, head.epoch, head.position)
            if after is None:
                yield _heartbeat(at, head)
            elif reason := await self._reason_to_reset(head, after):
                yield _reset(at, head, reason)
            else:
                at = after
            async for message in self._go_on(channel, at):
                yield message

    async def _go_on(self, channel: Channel, at: Cursor) -> AsyncIterator[Message]:
        while True:
            self.bell.clear()
            head = channel.head
            if channel.gone or head is None:
                yield GroupReset(None, str(at), 0, ResetReason.GROUP_REBUILT)
                return
            if not self.viewer.may_view(head):
                raise Forbidden("You may no longer view this group.")
            reason, entries = await self._lead_on(channel, head, at)
            if reason:
                at = Cursor(at.group_id, head.epoch, head.position)
                yield _reset(at, head, reason)
            for entry in entries:
                at = Cursor(at.group_id, at.epoch, entry.position)
                yield _message(at, head, entry)
            if not reason and not entries and not await rung(self.bell, self.heartbeat_seconds):
                yield _heartbeat(at, head)

    async def _lead_on(self, channel: Channel, head: Head, at: Cursor) -> tuple[ResetReason | None, list[Entry]]:
        if head.epoch != at.epoch:
            return ResetReason.GROUP_REBUILT, []
        if at.position >= head.position:
            return None, []
        entries = channel.after(at.epoch, at.position)
        if entries is None:
            entries = await entries_after(self.database, at.group_id, at.epoch, at.position)
        if not entries or entries[0].position != at.position + 1:
            return ResetReason.CURSOR_EXPIRED, []
        # Never past the head: a heartbeat must not tell an older version than was delivered.
        return None, [entry for entry in entries if entry.position <= head.position]

    async def _reason_to_reset(self, head: Head, after: Cursor) -> ResetReason | None:
        if after.group_id != head.group_id or (after.epoch == head.epoch and after.position > head.position):
            return ResetReason.CURSOR_UNKNOWN
        if after.epoch != head.epoch:
            return ResetReason.GROUP_REBUILT
        expired = after.position < head.position and after.position < await oldest_position(self.database, head)
        return ResetReason.CURSOR_EXPIRED if expired else None


async def rung(bell: asyncio.Event, seconds: float | None) -> bool:
    """Whether the bell rings within this time."""
    try:
        async with asyncio.timeout(seconds):
            return await bell.wait()
    except TimeoutError:
        return False


def _heartbeat(at: Cursor, head: Head) -> Heartbeat:
    return Heartbeat(str(at), head.version, head.member_count)


def _reset(at: Cursor, head: Head, reason: ResetReason) -> GroupReset:
    return GroupReset(head.group_id, str(at), head.member_count, reason)


def _message(at: Cursor, head: Head, entry: Entry) -> Message:
    if entry.kind is EventKind.DEFINITION:
        return DefinitionChanged(head.group_id, str(at))
    return MembersChanged(
        group_id=head.group_id,
        record_type=head.record_type,
        cursor=str(at),
        from_version=entry.from_version,
        to_version=entry.to_version,
        member_count=entry.member_count,
        joined_ids=entry.joined,
        left_ids=entry.left,
        cause=entry.cause,
        occurred_at=entry.occurred_at,
    )
