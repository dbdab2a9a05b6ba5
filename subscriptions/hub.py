"""The hub of a process: which groups are watched here, and the latest entries of their logs, kept once for all watchers.

Watchers hold a position, not a queue: one that falls behind the ring reads from the log until it has caught up, so
nothing is ever dropped and a slow watcher costs no memory. The log in the database is the only truth; a hint only says
that looking is worth while, and every two seconds the hub looks anyway.
"""

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from models.engine.database import ANSWER_SECONDS, UNREACHABLE, Database
from subscriptions.bus import Bus
from subscriptions.contacts.watched import Contacts
from subscriptions.cursor import Cursor
from subscriptions.log import Head, Seen, entries_after, look
from subscriptions.messages import Step, step_of
from subscriptions.progress import Actions
from subscriptions.ring import RING, Ring
from subscriptions.wakeups.wakeup import Wakeable, WakeupQueue

COMPARE_SECONDS = 2.0  # how long a lost hint can delay a message
MOST_AT_ONCE = 256  # groups of one look: with what is new of each, some four megabytes at most


@dataclass(slots=True)
class Channel:
    """A watched group: where its log ends as far as this process knows, and its latest entries as all watchers are told them.

    The entries are kept only while somebody follows them; others look at nothing but the head.
    """

    group_id: int
    head: Head | None = None
    gone: bool = False
    looked_at: float = -math.inf
    followers: int = 0
    ring: Ring = field(default_factory=Ring)
    wakeups: dict[Wakeable, None] = field(default_factory=dict)  # those who have waited longest are woken first

    @property
    def end(self) -> Cursor | None:
        """Where the log ends as far as this process knows."""
        return Cursor(self.group_id, self.head.epoch, self.head.position) if self.head else None


class Hub:
    """Follows the logs of watched groups; without watchers it does nothing."""

    def __init__(
        self, database: Database, bus: Bus, *, compare_seconds: float = COMPARE_SECONDS, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        self.database = database
        self._bus = bus
        self._compare_seconds = compare_seconds
        self._answer_seconds = answer_seconds
        self._channels: dict[int, Channel] = {}
        self._hinted: set[int] = set()
        self._behind_since = 0.0
        self._looking: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._wakeup_queue = WakeupQueue()
        self.contacts = Contacts(database, self._wakeup_queue, compare_seconds=compare_seconds)
        self.actions = Actions(database, self._wakeup_queue, answer_seconds=answer_seconds)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the logs while the context is open."""
        works = (self._follow_hints(), self._compare(), self.contacts.follow(), self.contacts.compare(), self.actions.follow())
        tasks = [asyncio.create_task(work, name="hub") for work in works]
        try:
            async with self._bus.attached(self.hint):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def topics(self) -> int:
        """How many groups, contacts and bulk actions are watched in this process."""
        return len(self._channels) + self.contacts.topics + self.actions.topics

    @property
    def watchers(self) -> int:
        """How often groups are watched in this process: several times by who watches several."""
        return sum(len(channel.wakeups) for channel in self._channels.values())

    def lag(self) -> float:
        """For how many seconds a hint has been waiting to be looked into: little, unless the database is slow or away."""
        return asyncio.get_running_loop().time() - self._behind_since if self._behind_since else 0.0

    def is_current(self, channel: Channel) -> bool:
        """Whether the log has been looked at just now: not if two looks in a row have failed, or one is not answered."""
        return asyncio.get_running_loop().time() - channel.looked_at <= 2 * self._compare_seconds + self._answer_seconds

    @contextlib.contextmanager
    def watching(self, group_id: int, wakeup: Wakeable, *, entries: bool = True) -> Iterator[Channel]:
        """Register a watcher of a group for as long as the context is open; its wakeup rings at each change of the channel.

        A watcher clears its wakeup before it looks at the channel, so that no change goes unnoticed. One wakeup may serve
        several channels. Who needs no more than the head does without the entries.
        """
        channel = self._channels.setdefault(group_id, Channel(group_id))
        channel.wakeups[wakeup] = None
        channel.followers += entries
        try:
            yield channel
        finally:
            del channel.wakeups[wakeup]
            channel.followers -= entries
            if not channel.followers:
                channel.ring.clear()
            if not channel.wakeups:
                del self._channels[group_id]

    def wake(self, group_ids: Iterable[int]) -> None:
        """Tell this and every other process that these groups' logs have grown; called after commit."""
        changed = set(group_ids)
        if changed:
            self._bus.publish(changed)
            self.hint(changed)

    def hint(self, group_ids: Iterable[int]) -> None:
        """Look at these groups soon; without ids, at all that are watched."""
        hinted = set(group_ids)
        self.contacts.hint(hinted)
        self._hinted |= hinted & self._channels.keys() if hinted else set(self._channels)
        if self._hinted:
            self._behind_since = self._behind_since or asyncio.get_running_loop().time()
            self._wake.set()

    async def look(self, *channels: Channel) -> None:
        """Bring channels up to date with the log, together with all others that somebody asks for just now."""
        looked = asyncio.get_running_loop().create_future()
        self._looking.append(looked)
        self._hinted.update(channel.group_id for channel in channels)
        self._wake.set()
        await looked

    async def _follow_hints(self) -> None:
        # The only reader: heads are taken in the order in which they were read, so a channel never goes back.
        while True:
            await self._wake.wait()
            self._wake.clear()
            hinted, self._hinted = self._hinted, set()
            looking, self._looking = self._looking, []
            failure = await self._look_at(sorted(hinted & self._channels.keys()))
            now = asyncio.get_running_loop().time()
            self._behind_since = (self._behind_since or now) if failure else now if self._hinted else 0.0
            for looked in looking:
                if not looked.done():
                    looked.set_exception(failure) if failure else looked.set_result(None)

    async def _compare(self) -> None:
        while True:
            await asyncio.sleep(self._compare_seconds)
            self._hinted |= self._channels.keys()
            self._wake.set()

    async def _look_at(self, group_ids: Sequence[int]) -> Exception | None:
        try:
            with self.database.observe("look"), self.database.impatiently(self._answer_seconds):
                for start in range(0, len(group_ids), MOST_AT_ONCE):
                    await self._look_at_some(group_ids[start : start + MOST_AT_ONCE])
        # Nothing may end the hub: when the database answers again, the next comparison catches up.
        except UNREACHABLE as error:
            structlog.get_logger().warning("hub cannot reach the database", reason=str(error))
            return error
        except Exception as error:
            structlog.get_logger().exception("hub could not read the log")
            return error
        return None

    async def _look_at_some(self, group_ids: Sequence[int]) -> None:
        channels = {group_id: channel for group_id in group_ids if (channel := self._channels.get(group_id))}
        known = {group_id: channel.end for group_id, channel in channels.items() if channel.followers and channel.end}
        began = asyncio.get_running_loop().time()
        found = await look(self.database, channels.keys(), known)
        for group_id, channel in channels.items():
            if self._channels.get(group_id) is channel:
                await self._advance(channel, found.get(group_id))
                self._note(channel, began)

    def _note(self, channel: Channel, looked_at: float) -> None:
        was_current, channel.looked_at = self.is_current(channel), looked_at
        if not was_current:
            self._wakeup_queue.wake(channel.wakeups)  # for those who have held back that they are current

    async def _advance(self, channel: Channel, seen: Seen | None) -> None:
        known = channel.head
        if seen is None:
            changed, channel.gone = not channel.gone, True
        elif known is None or known.epoch != seen.head.epoch:
            changed, channel.head = True, seen.head
            channel.ring.clear()
        elif seen.head == known or seen.head.position < known.position:
            changed = False
        else:
            await self._extend(channel, known.position, seen)
            changed, channel.head = True, seen.head
        if changed:
            self._wakeup_queue.wake(channel.wakeups)

    async def _extend(self, channel: Channel, position: int, seen: Seen) -> None:
        head, entries = seen
        steps: list[Step] = []
        while channel.followers and position < head.position and head.position - position <= RING:
            entries = entries or await entries_after(self.database, channel.group_id, head.epoch, position)
            if not entries or entries[0].position != position + 1:
                break
            steps += [step_of(head, entry) for entry in entries if entry.position <= head.position]
            position, entries = steps[-1].cursor.position, []
        if position < head.position:
            channel.ring.clear()  # it has no gaps: who needs what is missing asks the log
        else:
            channel.ring.extend(steps)
