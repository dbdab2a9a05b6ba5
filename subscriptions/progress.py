"""Watched bulk actions: all that still go on are read together, a few times a second, however many watch them."""

import asyncio
from collections.abc import AsyncIterator, Sequence, Set
from dataclasses import dataclass

from models import BulkAction
from models.bulk import SHOWN
from models.engine.database import ANSWER_SECONDS, Database
from models.errors import NotFound
from subscriptions.topics import Pace, Topic, Topics
from subscriptions.wakeups.wakeup import Wakeup, WakeupQueue

LEAST_SECONDS = 0.25  # between two reads, and between two messages to one watcher
PAUSE_SECONDS = 2.0  # after a read that failed
MOST_AT_ONCE = 1_000  # actions of one statement, which has a parameter for each


@dataclass(slots=True, eq=False)
class WatchedAction(Topic):
    """A watched bulk action as it was last read: None if it was not read yet, or does not exist."""

    seen: BulkAction | None = None


class WatchedActions(Topics[WatchedAction]):
    """Follows the watched bulk actions. No hints are sent about them."""

    def __init__(self, database: Database, wakeup_queue: WakeupQueue, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        super().__init__(database, wakeup_queue, Pace(compare=LEAST_SECONDS, after_failure=PAUSE_SECONDS, answer=answer_seconds))

    def create(self, topic_id: int) -> WatchedAction:
        """An action that has not been read yet."""
        return WatchedAction(topic_id)

    def topics_for(self, hints: Set[int] | None) -> Sequence[WatchedAction]:
        """The actions that still go on."""
        return [watched for watched in self._watched.values() if watched.seen is None or watched.seen.is_active]

    async def read(self, topics: Sequence[WatchedAction], hints: Set[int] | None) -> None:
        """Bring the actions up to date."""
        for start in range(0, len(topics), MOST_AT_ONCE):
            await self._read_some(topics[start : start + MOST_AT_ONCE])

    async def _read_some(self, several: Sequence[WatchedAction]) -> None:
        rows = await BulkAction.filter(id__in=[watched.id for watched in several]).only(*SHOWN)
        found = {action.pk: action for action in rows}
        for watched in several:
            action = found.get(watched.id)
            if action != watched.seen:
                watched.seen = action
                self.notify(watched)


async def follow_progress(actions: WatchedActions, account_id: int, action_id: int) -> AsyncIterator[BulkAction]:
    """Yield the action at once, whenever it has come further, and as it ended.

    Raises `NotFound` for an action of another account.
    """
    wakeup, sent = Wakeup(), None
    with actions.watching(action_id, wakeup) as watched:
        await actions.refresh(watched)
        while True:
            wakeup.clear()
            action = watched.seen
            if action is None or action.account_id != account_id:
                raise NotFound("There is no such bulk action.")
            if action != sent:
                yield action
            if not action.is_active:
                return
            sent = action
            await asyncio.sleep(LEAST_SECONDS)
            await wakeup.wait()
