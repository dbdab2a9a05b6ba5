"""Watched groups: where the log of each ends, and its latest entries, kept once for all watchers.

Watchers hold a position, not a queue. One that falls behind the ring reads from the log until it has caught up, so nothing
is ever dropped and a slow watcher costs no memory. The log in the database is the only truth.
"""

import asyncio
import math
from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field

from models.engine.database import Database
from subscriptions.cursor import Cursor
from subscriptions.log import Head, HeadWithNews, entries_after, read_heads
from subscriptions.messages import Step, step_of
from subscriptions.ring import RING, Ring
from subscriptions.topics import Pace, Topic, Topics
from subscriptions.wakeups.wakeup import Wakeable, WakeupQueue

MOST_AT_ONCE = 256  # groups of one statement: with what is new of each, some four megabytes at most


@dataclass(slots=True, eq=False)
class WatchedGroup(Topic):
    """A watched group: where its log ends as far as this process knows, and the latest entries as messages.

    The entries are kept only while somebody follows them. Other watchers need nothing but the head.
    """

    head: Head | None = None
    gone: bool = False
    looked_at: float = -math.inf
    followers: int = 0
    ring: Ring = field(default_factory=Ring)

    @property
    def end(self) -> Cursor | None:
        """Where the log ends as far as this process knows."""
        return Cursor(self.id, self.head.epoch, self.head.position) if self.head else None


class WatchedGroups(Topics[WatchedGroup]):
    """Follows the logs of the watched groups."""

    def __init__(self, database: Database, wakeup_queue: WakeupQueue, *, compare_seconds: float, answer_seconds: float) -> None:
        super().__init__(database, wakeup_queue, Pace(compare=compare_seconds, answer=answer_seconds))

    def create(self, topic_id: int) -> WatchedGroup:
        """A group of which nothing is known yet."""
        return WatchedGroup(topic_id)

    @property
    def watchers(self) -> int:
        """How many registrations there are: several for a watcher of several groups."""
        return sum(len(group.wakeups) for group in self._watched.values())

    @contextmanager
    def watching(self, topic_id: int, wakeup: Wakeable, *, entries: bool = True) -> Iterator[WatchedGroup]:
        """Register a watcher as for any topic, with `entries=False` for one that needs only the head."""
        with super().watching(topic_id, wakeup) as group:
            group.followers += entries
            try:
                yield group
            finally:
                group.followers -= entries
                if not group.followers:
                    group.ring.clear()

    def is_current(self, group: WatchedGroup) -> bool:
        """Whether the log was read just now: not if two reads in a row have failed, or one is not answered."""
        return asyncio.get_running_loop().time() - group.looked_at <= 2 * self.pace.compare + self.pace.answer

    def hint(self, hints: Collection[int]) -> None:
        """Read soon the logs of these groups, as far as they are watched, or of all if there are none."""
        relevant = self._watched.keys() & hints
        if relevant or not hints:
            super().hint(relevant)

    def topics_for(self, hints: Set[int] | None) -> Sequence[WatchedGroup]:
        """The groups with these ids, or all."""
        return [group for group in self._watched.values() if hints is None or group.id in hints]

    async def read(self, topics: Sequence[WatchedGroup], hints: Set[int] | None) -> None:
        """Bring the groups up to date with their logs."""
        with self.database.observe("look"):
            for start in range(0, len(topics), MOST_AT_ONCE):
                await self._read_some(topics[start : start + MOST_AT_ONCE])

    async def _read_some(self, groups: Sequence[WatchedGroup]) -> None:
        known = {group.id: group.end for group in groups if group.followers and group.end}
        began = asyncio.get_running_loop().time()
        found = await read_heads(self.database, [group.id for group in groups], known)
        for group in groups:
            if self.is_watched(group):
                await self._advance(group, found.get(group.id))
                self._note(group, began)

    def _note(self, group: WatchedGroup, looked_at: float) -> None:
        was_current, group.looked_at = self.is_current(group), looked_at
        if not was_current:
            self.notify(group)  # watchers held their heartbeats back

    async def _advance(self, group: WatchedGroup, seen: HeadWithNews | None) -> None:
        known = group.head
        if seen is None:
            changed, group.gone = not group.gone, True
        elif known is None or known.epoch != seen.head.epoch:
            changed, group.head = True, seen.head
            group.ring.clear()
        elif seen.head == known or seen.head.position < known.position:
            changed = False
        else:
            await self._extend(group, known.position, seen)
            changed, group.head = True, seen.head
        if changed:
            self.notify(group)

    async def _extend(self, group: WatchedGroup, position: int, seen: HeadWithNews) -> None:
        head, entries = seen
        steps: list[Step] = []
        while group.followers and position < head.position and head.position - position <= RING:
            entries = entries or await entries_after(self.database, group.id, head.epoch, position)
            if not entries or entries[0].position != position + 1:
                break
            steps += [step_of(head, entry) for entry in entries if entry.position <= head.position]
            position, entries = steps[-1].cursor.position, []
        if position < head.position:
            group.ring.clear()  # it has no gaps: a watcher that needs a missing entry reads the log
        else:
            group.ring.extend(steps)
