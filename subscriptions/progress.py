"""Following bulk actions: all that are watched are looked at together, a few times a second, whoever and how many watch them."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from models import BulkAction
from models.bulk import SHOWN
from models.engine.database import ANSWER_SECONDS, UNREACHABLE, Database
from models.errors import NotFound
from subscriptions.wakeups.wakeup import Wakeup, WakeupQueue

LEAST_SECONDS = 0.25  # between two looks, and between two messages to one watcher
PAUSE_SECONDS = 2.0  # after a look that failed
MOST_AT_ONCE = 1_000  # actions of one statement, which has a parameter for each


@dataclass(slots=True, eq=False)
class WatchedAction:
    """A watched action as it was seen last: None if it was not looked at yet, or is not there."""

    action_id: int
    seen: BulkAction | None = None
    wakeups: dict[Wakeup, None] = field(default_factory=dict)


class Actions:
    """Follows the bulk actions that are watched; without watchers it does nothing."""

    def __init__(self, database: Database, wakeup_queue: WakeupQueue, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._database = database
        self._wakeup_queue = wakeup_queue
        self._answer_seconds = answer_seconds
        self._watched: dict[int, WatchedAction] = {}
        self._anybody = asyncio.Event()
        self._looking = asyncio.Lock()

    @property
    def topics(self) -> int:
        """How many actions are watched."""
        return len(self._watched)

    @contextmanager
    def watching(self, action_id: int, wakeup: Wakeup) -> Iterator[WatchedAction]:
        """Register a watcher of an action for as long as the context is open; its wakeup rings at each change."""
        watched = self._watched.setdefault(action_id, WatchedAction(action_id))
        watched.wakeups[wakeup] = None
        self._anybody.set()
        try:
            yield watched
        finally:
            del watched.wakeups[wakeup]
            if not watched.wakeups:
                del self._watched[action_id]
            if not self._watched:
                self._anybody.clear()

    async def look(self, watched: WatchedAction) -> None:
        """Bring one action up to date."""
        await self._look_at([watched])

    async def follow(self) -> None:
        """Look at all that may still go on, again and again, for good."""
        pause = LEAST_SECONDS
        while True:
            await self._anybody.wait()
            await asyncio.sleep(pause)
            pause = LEAST_SECONDS if await self._look_at_all() else PAUSE_SECONDS

    async def _look_at_all(self) -> bool:
        going_on = [watched for watched in self._watched.values() if watched.seen is None or watched.seen.is_active]
        try:
            for start in range(0, len(going_on), MOST_AT_ONCE):
                await self._look_at(going_on[start : start + MOST_AT_ONCE])
        # Nothing may end the looking: when the database answers again, the next look catches up.
        except UNREACHABLE as error:
            structlog.get_logger().warning("hub cannot reach the database", reason=str(error))
            return False
        except Exception:
            structlog.get_logger().exception("hub could not read bulk actions")
            return False
        return True

    async def _look_at(self, several: Collection[WatchedAction]) -> None:
        async with self._looking:  # so that what is read is also taken in the order in which it was read
            with self._database.impatiently(self._answer_seconds):
                rows = await BulkAction.filter(id__in=[watched.action_id for watched in several]).only(*SHOWN)
            found = {action.pk: action for action in rows}
            for watched in several:
                self._take(watched, found.get(watched.action_id))

    def _take(self, watched: WatchedAction, action: BulkAction | None) -> None:
        if action != watched.seen:
            watched.seen = action
            self._wakeup_queue.wake(watched.wakeups)


async def follow_progress(actions: Actions, account_id: int, action_id: int) -> AsyncIterator[BulkAction]:
    """The action at once, then whenever it has come further, and at last as it ended; `NotFound` for another account's."""
    wakeup, told = Wakeup(), None
    with actions.watching(action_id, wakeup) as watched:
        await actions.look(watched)
        while True:
            wakeup.clear()
            action = watched.seen
            if action is None or action.account_id != account_id:
                raise NotFound("There is no such bulk action.")
            if action != told:
                yield action
            if not action.is_active:
                return
            told = action
            await asyncio.sleep(LEAST_SECONDS)
            await wakeup.wait()
