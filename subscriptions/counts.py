"""The member counts of several groups for one watcher: the present ones at once, then every change, but not too often."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from models.errors import Forbidden, NotFound
from subscriptions.hub import Channel, Hub
from subscriptions.log import Head
from subscriptions.messages import GroupCount
from subscriptions.viewer import Viewer
from subscriptions.wakeups.wakeup import Wakeup

LEAST_SECONDS = 0.25  # between two counts of one group


@dataclass(slots=True)
class Told:
    """What the watcher knows of a group, and from when it may be told again."""

    head: Head | None = None
    due: float = 0.0


@dataclass(slots=True)
class CountStream:
    """One watcher's view of some groups' counts; a burst of changes is told as its latest count, never as an older one."""

    hub: Hub
    viewer: Viewer
    least_seconds: float = LEAST_SECONDS
    wakeup: Wakeup = field(default_factory=Wakeup)

    async def follow(self, group_ids: Iterable[int]) -> AsyncIterator[GroupCount]:
        """Counts until every group is gone; raises `NotFound` for a group that the viewer cannot see."""
        with ExitStack() as watched:
            channels = {group_id: watched.enter_context(self.hub.watching(group_id, self.wakeup, entries=False)) for group_id in group_ids}
            await self.hub.look(*channels.values())
            for channel in channels.values():
                if channel.gone or channel.head is None or not self.viewer.may_view(channel.head):
                    raise NotFound("There is no such group.")
            told = {group_id: Told() for group_id in channels}
            while any(not channel.gone for channel in channels.values()):
                self.wakeup.clear()
                for count in self._news(channels, told):
                    yield count
                await self._wait(self._until_due(channels, told))

    async def _wait(self, seconds: float | None) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self.wakeup.wake) if seconds is not None else None
        try:
            await self.wakeup.wait()
        finally:
            if timer:
                timer.cancel()

    def _news(self, channels: dict[int, Channel], told: dict[int, Told]) -> Iterable[GroupCount]:
        now = asyncio.get_running_loop().time()
        for group_id, channel in channels.items():
            head = channel.head
            if channel.gone or head is None:
                continue
            if not self.viewer.may_view(head):
                raise Forbidden("You may no longer view this group.")
            if _differs(told[group_id], head) and told[group_id].due <= now:
                told[group_id] = Told(head, now + self.least_seconds)
                yield GroupCount(group_id, head.member_count, head.version)

    def _until_due(self, channels: dict[int, Channel], told: dict[int, Told]) -> float | None:
        present = [(told[each], channel.head) for each, channel in channels.items() if channel.head and not channel.gone]
        waiting = [known.due for known, head in present if _differs(known, head)]
        return max(0.0, min(waiting) - asyncio.get_running_loop().time()) if waiting else None


def _differs(told: Told, head: Head) -> bool:
    known = told.head
    return known is None or (known.member_count, known.version, known.epoch) != (head.member_count, head.version, head.epoch)
