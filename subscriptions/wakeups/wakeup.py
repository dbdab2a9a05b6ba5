"""How watchers are woken: each waits for a wakeup of its own, and a queue sets many of them, a few at a time."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

AT_ONCE = 16  # watchers woken in one turn of the event loop: nobody else waits for more than these


class Wakeable(Protocol):
    """What a queue wakes."""

    def wake(self) -> None:
        """Note that something has changed. It must not raise, because others in the queue are woken after it."""


class Wakeup:
    """An event for one waiting task. Unlike `asyncio.Event`, it says whether the task waits and costs nothing to create."""

    __slots__ = ("_is_set", "_waiting")

    def __init__(self) -> None:
        self._is_set = False
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits that has not been woken yet."""
        return not self._is_set and self._waiting is not None

    def wake(self) -> None:
        """Wake the task that waits, or the next one that does."""
        self._is_set = True
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)

    def clear(self) -> None:
        """Forget that it was woken: to be called before one looks at what may have changed."""
        self._is_set = False

    async def wait(self) -> None:
        """Wait until it is woken, unless it was since it was cleared."""
        if self._is_set:
            return
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None


class WakeupQueue:
    """Wakes any number of watchers, in turn and each once, so that thousands of them never delay the answer to a write."""

    def __init__(self) -> None:
        self._due: deque[Wakeable] = deque()
        self._known: set[Wakeable] = set()

    def wake(self, wakeups: Iterable[Wakeable]) -> None:
        """Wake these soon."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._wake_some)
        for wakeup in wakeups:
            if wakeup not in self._known:
                self._known.add(wakeup)
                self._due.append(wakeup)

    def _wake_some(self) -> None:
        turn = [self._due.popleft() for _ in range(min(AT_ONCE, len(self._due)))]
        self._known.difference_update(turn)
        if self._due:
            asyncio.get_running_loop().call_soon(self._wake_some)
        for wakeup in turn:
            wakeup.wake()
