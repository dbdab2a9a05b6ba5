"""The live stream of one group for one watcher: replay from a cursor, then every entry of the log as it commits.

The guarantee: from where the watcher stands it receives the next entry or an explicit reset, never silence, a gap or a
repetition that the versions do not betray.
"""

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import closing
from dataclasses import dataclass, field

from models.errors import Forbidden, NotFound
from subscriptions.cursor import Cursor
from subscriptions.groups import WatchedGroup, WatchedGroups
from subscriptions.log import Head, entries_after, oldest_position
from subscriptions.messages import GroupReset, Heartbeat, Message, ResetReason, Step, step_of
from subscriptions.viewer import Viewer
from subscriptions.wakeups.immediate_push import Outcome, Tell
from subscriptions.wakeups.restartable_timer import RestartableTimer
from subscriptions.wakeups.wakeup import Wakeup


@dataclass(slots=True, eq=False)
class Stream:
    """One watcher's way through a group's log, from `after` on or else from now on; it can be iterated once."""

    groups: WatchedGroups
    viewer: Viewer
    group_id: int
    after: Cursor | None
    heartbeat_seconds: float
    tell: Tell | None = None
    _at: Cursor = field(init=False)
    _group: WatchedGroup = field(init=False)
    _seen: Head | None = None  # the viewer was found to be entitled to this one
    _wakeup: Wakeup = field(default_factory=Wakeup)
    _quiet: RestartableTimer = field(init=False)
    _page: deque[Step] = field(default_factory=deque)  # read from the log and not told yet

    async def __aiter__(self) -> AsyncGenerator[Message, None]:
        """Every message about the group, except those that `tell` took; raises `NotFound` where there is nothing to view."""
        self._quiet = RestartableTimer(self.heartbeat_seconds, self._wakeup.wake)
        with self.groups.watching(self.group_id, self) as self._group, closing(self._quiet):
            await self.groups.look(self._group)
            head = self._group.head
            if self._group.gone or head is None or not self.viewer.may_view(head):
                raise NotFound("There is no such group.")
            if first := await self._begin(head):
                yield first
            self._quiet.set()
            while head := self._head():
                if not self._is_current(head):
                    step = self._group.ring.after(self._at) or await self._read(head) or self._reset(head)
                    yield step.message
                    self._at = step.cursor
                    self._quiet.set()
                elif self._quiet.went_off and self.groups.is_current(self._group):
                    yield _heartbeat(self._at, head)
                    self._quiet.set()
                else:
                    await self._wait()
            yield GroupReset(None, str(self._at), 0, ResetReason.GROUP_REBUILT)

    def wake(self) -> None:
        """There may be news: tell it at once if that is possible, or else wake the watcher."""
        is_idle = self._wakeup.is_awaited and not self._quiet.went_off  # and does not hold a heartbeat back
        if self.tell is None or not is_idle or self._tell_all(self.tell) is Outcome.IMPOSSIBLE:
            self._wakeup.wake()

    def _tell_all(self, tell: Tell) -> Outcome:
        head = None if self._group.gone else self._group.head
        if head is None or not self._may_view(head):
            return Outcome.IMPOSSIBLE
        while not self._is_current(head):
            step = self._group.ring.after(self._at)
            outcome = tell(step.message, self) if step else Outcome.IMPOSSIBLE
            if step is None or outcome is not Outcome.TOLD:
                return outcome
            self._at = step.cursor
        self._quiet.set()
        return Outcome.TOLD

    async def _wait(self) -> None:
        self._wakeup.clear()  # whatever it rang for has just been looked at, without a pause in between
        await self._wakeup.wait()

    def _head(self) -> Head | None:
        """Where the log ends, None if the group is gone; raises `Forbidden` once the viewer may no longer know."""
        head = None if self._group.gone else self._group.head
        if head and not self._may_view(head):
            raise Forbidden("You may no longer view this group.")
        return head

    def _may_view(self, head: Head) -> bool:
        if head is not self._seen and self.viewer.may_view(head):
            self._seen = head
        return head is self._seen

    def _is_current(self, head: Head) -> bool:
        return self._at.position >= head.position and self._at.epoch == head.epoch

    async def _begin(self, head: Head) -> Message | None:
        """Take the place from which to go on; what the watcher is told of it."""
        now = self._at = Cursor(head.group_id, head.epoch, head.position)
        if self.after is None:
            return _heartbeat(now, head)
        if reason := await self._reason_to_reset(head, self.after):
            return GroupReset(head.group_id, str(now), head.member_count, reason)
        self._at = self.after
        return None

    async def _reason_to_reset(self, head: Head, after: Cursor) -> ResetReason | None:
        if after.group_id != head.group_id or (after.epoch == head.epoch and after.position > head.position):
            return ResetReason.CURSOR_UNKNOWN
        if after.epoch != head.epoch:
            return ResetReason.GROUP_REBUILT
        expired = after.position < head.position and after.position < await oldest_position(self.groups.database, head)
        return ResetReason.CURSOR_EXPIRED if expired else None

    async def _read(self, head: Head) -> Step | None:
        """The step that leads on from here by the log; None if it no longer holds it, or is another epoch's."""
        if self._at.epoch != head.epoch:
            return None
        if not (self._page and self._page[0].cursor.follows(self._at)):
            entries = await entries_after(self.groups.database, head.group_id, head.epoch, self._at.position)
            # Never past the head: a heartbeat must not tell an older version than was delivered.
            self._page = deque(step_of(head, entry) for entry in entries if entry.position <= head.position)
        return self._page.popleft() if self._page and self._page[0].cursor.follows(self._at) else None

    def _reset(self, head: Head) -> Step:
        """The step to where the log ends, for a watcher whom no other leads on."""
        reason = ResetReason.CURSOR_EXPIRED if self._at.epoch == head.epoch else ResetReason.GROUP_REBUILT
        now = Cursor(head.group_id, head.epoch, head.position)
        return Step(now, GroupReset(head.group_id, str(now), head.member_count, reason))


def _heartbeat(at: Cursor, head: Head) -> Heartbeat:
    return Heartbeat(str(at), head.version, head.member_count)
