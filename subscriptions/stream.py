"""The live stream of one group for one watcher: replay from a cursor, then every entry of the log as it commits.

The guarantee: after its position the watcher receives the next entry or an explicit reset. There is never a gap, and a
repetition can be told by the versions.
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
from subscriptions.wakeups.immediate_push import Push, PushOutcome
from subscriptions.wakeups.restartable_timer import RestartableTimer
from subscriptions.wakeups.wakeup import Wakeup


@dataclass(slots=True, eq=False)
class Stream:
    """The messages about a group for one watcher, after a cursor or from now on. It can be iterated once."""

    groups: WatchedGroups
    viewer: Viewer
    group_id: int
    after: Cursor | None
    heartbeat_seconds: float
    push: Push | None = None
    _at: Cursor = field(init=False)
    _group: WatchedGroup = field(init=False)
    _seen: Head | None = None  # the viewer may view the group as of this head
    _wakeup: Wakeup = field(default_factory=Wakeup)
    _quiet: RestartableTimer = field(init=False)
    _page: deque[Step] = field(default_factory=deque)  # read from the log and not sent yet

    async def __aiter__(self) -> AsyncGenerator[Message, None]:
        """Every message about the group, except those that were pushed.

        Raises `NotFound` for a group that the viewer may not view, and `Forbidden` once they may no longer.
        """
        self._quiet = RestartableTimer(self.heartbeat_seconds, self._wakeup.wake)
        with self.groups.watching(self.group_id, self) as self._group, closing(self._quiet):
            await self.groups.refresh(self._group)
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
        """Push what is new if that is possible, or else wake the watcher's task."""
        is_idle = self._wakeup.is_awaited and not self._quiet.went_off  # no heartbeat is due
        if self.push is None or not is_idle or self._push_all(self.push) is PushOutcome.IMPOSSIBLE:
            self._wakeup.wake()

    def _push_all(self, push: Push) -> PushOutcome:
        head = None if self._group.gone else self._group.head
        if head is None or not self._may_view(head):
            return PushOutcome.IMPOSSIBLE
        while not self._is_current(head):
            step = self._group.ring.after(self._at)
            outcome = push(step.message, self) if step else PushOutcome.IMPOSSIBLE
            if step is None or outcome is not PushOutcome.SENT:
                return outcome
            self._at = step.cursor
        self._quiet.set()
        return PushOutcome.SENT

    async def _wait(self) -> None:
        self._wakeup.clear()  # the group has just been looked at, and no other task ran since
        await self._wakeup.wait()

    def _head(self) -> Head | None:
        """Where the log ends, or None for a deleted group. Raises `Forbidden` once the viewer may no longer view it."""
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
        """Set the position to go on from, and return the message about it, if there is one."""
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
        """The next step, read from the log: None if its entry was pruned or the log has a new epoch."""
        if self._at.epoch != head.epoch:
            return None
        if not (self._page and self._page[0].cursor.follows(self._at)):
            entries = await entries_after(self.groups.database, head.group_id, head.epoch, self._at.position)
            # Never past the head: a heartbeat must not name an older version than was delivered.
            self._page = deque(step_of(head, entry) for entry in entries if entry.position <= head.position)
        return self._page.popleft() if self._page and self._page[0].cursor.follows(self._at) else None

    def _reset(self, head: Head) -> Step:
        """The step to the end of the log, for a watcher that cannot be given what lies between."""
        reason = ResetReason.CURSOR_EXPIRED if self._at.epoch == head.epoch else ResetReason.GROUP_REBUILT
        now = Cursor(head.group_id, head.epoch, head.position)
        return Step(now, GroupReset(head.group_id, str(now), head.member_count, reason))


def _heartbeat(at: Cursor, head: Head) -> Heartbeat:
    return Heartbeat(str(at), head.version, head.member_count)
