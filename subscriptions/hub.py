"""The hub of a process: what is watched here, and the tasks that keep it up to date.

A hint says no more than that something may have changed: what did is read from the database. Hints may be lost, so
everything that is watched is read again every two seconds as well.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable

from models.engine.database import ANSWER_SECONDS, Database
from subscriptions.bus import Bus
from subscriptions.contacts.watched import WatchedContacts
from subscriptions.groups import WatchedGroups
from subscriptions.progress import WatchedActions
from subscriptions.wakeups.wakeup import WakeupQueue

COMPARE_SECONDS = 2.0  # how long a lost hint can delay a message


class Hub:
    """The watched groups, contacts and bulk actions of a process, and its side of the bus."""

    def __init__(
        self, database: Database, bus: Bus, *, compare_seconds: float = COMPARE_SECONDS, answer_seconds: float = ANSWER_SECONDS
    ) -> None:
        wakeup_queue = WakeupQueue()
        self._bus = bus
        self.groups = WatchedGroups(database, wakeup_queue, compare_seconds=compare_seconds, answer_seconds=answer_seconds)
        self.contacts = WatchedContacts(database, wakeup_queue, compare_seconds=compare_seconds)
        self.actions = WatchedActions(database, wakeup_queue, answer_seconds=answer_seconds)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep everything that is watched up to date while the context is open."""
        followed = (self.groups, self.contacts, self.actions)
        tasks = [asyncio.create_task(topics.follow(), name="hub") for topics in followed]
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
        return len(self.groups) + len(self.contacts) + len(self.actions)

    def wake(self, group_ids: Iterable[int]) -> None:
        """Send this and every other process the hint that these groups' logs have grown: called after commit."""
        changed = set(group_ids)
        if changed:
            self._bus.publish(changed)
            self.hint(changed)

    def hint(self, group_ids: Iterable[int]) -> None:
        """Read soon what these groups' logs may have added: without ids, look at everything."""
        hinted = set(group_ids)
        self.groups.hint(hinted)
        self.contacts.hint(hinted)
