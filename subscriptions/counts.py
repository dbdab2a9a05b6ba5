"""The member counts of several groups for one watcher: the present ones at once, then changes, at most four a second for a group."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from models.errors import Forbidden, NotFound
from subscriptions.groups import WatchedGroup, WatchedGroups
from subscriptions.log import Head
from subscriptions.messages import GroupCount
from subscriptions.viewer import Viewer
from subscriptions.wakeups.wakeup import Wakeup

LEAST_SECONDS = 0.25  # between two counts of one group


@dataclass(slots=True)
class Sent:
    """What was sent last for a group: the head of its log at that time. The next count may be sent at `due`, in event loop time."""

    head: Head | None = None
    due: float = 0.0


@dataclass(slots=True)
class CountStream:
    """The counts of some groups for one watcher. Of a burst of changes only the latest count is sent, never an older one."""

    groups: WatchedGroups
    viewer: Viewer
    least_seconds: float = LEAST_SECONDS
    wakeup: Wakeup = field(default_factory=Wakeup)

    async def follow(self, group_ids: Iterable[int]) -> AsyncIterator[GroupCount]:
        """Yield counts until every group is deleted.

        Raises `NotFound` for a group that the viewer may not view.
        """
        with ExitStack() as watched:
            groups = [watched.enter_context(self.groups.watching(group_id, self.wakeup, entries=False)) for group_id in group_ids]
            await self.groups.refresh(*groups)
            for group in groups:
                if group.gone or group.head is None or not self.viewer.may_view(group.head):
                    raise NotFound("There is no such group.")
            sent = {group.id: Sent() for group in groups}
            while any(not group.gone for group in groups):
                self.wakeup.clear()
                for count in self._news(groups, sent):
                    yield count
                await self._wait(self._until_due(groups, sent))

    async def _wait(self, seconds: float | None) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self.wakeup.wake) if seconds is not None else None
        try:
            await self.wakeup.wait()
        finally:
            if timer:
                timer.cancel()

    def _news(self, groups: Sequence[WatchedGroup], sent: dict[int, Sent]) -> Iterable[GroupCount]:
        now = asyncio.get_running_loop().time()
        for group in groups:
            head = group.head
            if group.gone or head is None:
                continue
            if not self.viewer.may_view(head):
                raise Forbidden("You may no longer view this group.")
            if _differs(sent[group.id], head) and sent[group.id].due <= now:
                sent[group.id] = Sent(head, now + self.least_seconds)
                yield GroupCount(group.id, head.member_count, head.version)

    def _until_due(self, groups: Sequence[WatchedGroup], sent: dict[int, Sent]) -> float | None:
        present = [(sent[group.id], group.head) for group in groups if group.head and not group.gone]
        waiting = [last.due for last, head in present if _differs(last, head)]
        return max(0.0, min(waiting) - asyncio.get_running_loop().time()) if waiting else None


def _differs(sent: Sent, head: Head) -> bool:
    known = sent.head
    return known is None or (known.member_count, known.version, known.epoch) != (head.member_count, head.version, head.epoch)
