"""The hub of a process: which groups are watched here, and the latest entries of their logs, kept once for all watchers.

Watchers hold a position, not a queue: one that falls behind the ring reads from the log until it has caught up, so
nothing is ever dropped and a slow watcher costs no memory. The log in the database is the only truth; a hint only says
that looking is worth while, and every two seconds the hub looks anyway.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field

import structlog

from models.database import UNREACHABLE, Database
from subscriptions.bus import Bus
from subscriptions.log import Entry, Head, entries_after, heads

RING = 256  # entries kept for each watched group
COMPARE_SECONDS = 2.0  # how long a lost hint can delay a message


@dataclass(slots=True)
class Channel:
    """A watched group: where its log ends as far as this process knows, and its latest entries."""

    group_id: int
    head: Head | None = None
    gone: bool = False
    ring: deque[Entry] = field(default_factory=lambda: deque(maxlen=RING))
    bells: set[asyncio.Event] = field(default_factory=set)
    pulling: asyncio.Lock = field(default_factory=asyncio.Lock)

    def announce(self) -> None:
        """Wake every watcher."""
        for bell in self.bells:
            bell.set()

    def after(self, epoch: str, position: int) -> list[Entry] | None:
        """The entries that follow a position, as far as the ring holds them; None if the log must be asked."""
        if self.head is None or self.head.epoch != epoch or not self.ring or self.ring[0].position > position + 1:
            return None
        return [entry for entry in self.ring if entry.position > position]


class Hub:
    """Follows the logs of watched groups; without watchers it does nothing."""

    def __init__(self, database: Database, bus: Bus, *, compare_seconds: float = COMPARE_SECONDS) -> None:
        self._database = database
        self._bus = bus
        self._compare_seconds = compare_seconds
        self._channels: dict[int, Channel] = {}
        self._hinted: set[int] = set()
        self._wake = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow the logs while the context is open."""
        tasks = [asyncio.create_task(work, name="hub") for work in (self._follow_hints(), self._compare())]
        try:
            async with self._bus.attached(self.hint):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.contextmanager
    def watching(self, group_id: int, bell: asyncio.Event) -> Iterator[Channel]:
        """Register a watcher of a group for as long as the context is open; its bell rings at each change of the channel.

        A watcher clears its bell before it looks at the channel, so that no change goes unnoticed. One bell may serve
        several channels.
        """
        channel = self._channels.setdefault(group_id, Channel(group_id))
        channel.bells.add(bell)
        try:
            yield channel
        finally:
            channel.bells.discard(bell)
            if not channel.bells:
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
        self._hinted |= hinted & self._channels.keys() if hinted else set(self._channels)
        if self._hinted:
            self._wake.set()

    async def look(self, channel: Channel) -> None:
        """Bring a channel up to date with the log."""
        async with channel.pulling:
            found = await heads(self._database, [channel.group_id])
            await self._advance(channel, found.get(channel.group_id))

    async def _follow_hints(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            hinted, self._hinted = self._hinted, set()
            await self._look_at(hinted)

    async def _compare(self) -> None:
        while True:
            await asyncio.sleep(self._compare_seconds)
            await self._look_at(set(self._channels))

    async def _look_at(self, group_ids: set[int]) -> None:
        if not group_ids:
            return
        try:
            found = await heads(self._database, group_ids)
            for group_id in group_ids:
                if channel := self._channels.get(group_id):
                    async with channel.pulling:
                        await self._advance(channel, found.get(group_id))
        # Nothing may end the hub: when the database answers again, the next comparison catches up.
        except UNREACHABLE as error:
            structlog.get_logger().warning("hub cannot reach the database", reason=str(error))
        except Exception:
            structlog.get_logger().exception("hub could not read the log")

    async def _advance(self, channel: Channel, head: Head | None) -> None:
        known = channel.head
        if head is None:
            changed, channel.gone = not channel.gone, True
        elif known is None or known.epoch != head.epoch:
            changed, channel.head = True, head
            channel.ring.clear()
        elif head == known or head.position < known.position:
            changed = False
        else:
            await self._extend(channel, known.position, head)
            changed, channel.head = True, head
        if changed:
            channel.announce()

    async def _extend(self, channel: Channel, position: int, head: Head) -> None:
        if head.position - position > RING:
            channel.ring.clear()
            return
        while position < head.position:
            entries = await entries_after(self._database, channel.group_id, head.epoch, position)
            if not entries or entries[0].position != position + 1:
                channel.ring.clear()
                return
            channel.ring.extend(entry for entry in entries if entry.position <= head.position)
            position = channel.ring[-1].position
