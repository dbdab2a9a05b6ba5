"""Answers to events that many watchers wait for, executed and serialised once.

Each watcher receives the events at its own pace: only the answer to an event is shared. It is kept for late watchers only for
a moment, because it shows values as they were when it was made.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from app.graphql.execution.wire import Answer
from subscriptions.wakeups.wakeup import Wakeable, WakeupQueue

KEPT_SECONDS = 1.0  # from when it was made, however long that took
KEPT_CHARACTERS = 2**24  # of all answers together: a watcher that is further behind has some made again

Key = tuple[object, Hashable]  # the sharers, and the event
Make = Callable[[Any], Answer | Awaitable[Answer]]


@dataclass(slots=True, eq=False)
class Shared:
    """An answer, or the wakeups of the watchers that wait until it is made."""

    answer: Answer | None = None
    made_at: float = 0.0
    wakeups: dict[Wakeable, None] = field(default_factory=dict)


class SharedAnswers:
    """The answers that are being made and those of the last second, by the sharers and the event.

    Written by hand, because this is on the path of every message to every watcher: `cachetools.TTLCache` takes 2.5 times as
    long to find an answer and 15 times as long to keep one, and keeps none that is larger than the bound.
    """

    def __init__(self) -> None:
        self._making: dict[Key, Shared] = {}
        self._kept: OrderedDict[Key, Shared] = OrderedDict()  # the oldest first
        self._characters = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._wakeup_queue = WakeupQueue()

    def find(self, sharers: object, event: Hashable, make: Make) -> Shared:
        """The answer to the event for these sharers, made now unless it is there or being made. `make` must not raise."""
        key = sharers, event
        kept = self._kept.get(key)
        if kept and kept.made_at >= asyncio.get_running_loop().time() - KEPT_SECONDS:
            return kept
        self._forget()
        return self._making.get(key) or self._make(key, make)

    def _make(self, key: Key, make: Make) -> Shared:
        shared, answer = Shared(), make(key[1])
        if isinstance(answer, Answer):
            self._complete(key, shared, answer)
        else:
            self._making[key] = shared
            # A task of its own: the watcher that asked first may disconnect, and the others still want the answer.
            task = asyncio.create_task(self._finish(key, shared, answer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return shared

    async def _finish(self, key: Key, shared: Shared, answer: Awaitable[Answer]) -> None:
        try:
            self._complete(key, shared, await answer)
        finally:
            del self._making[key]
        self._wakeup_queue.wake(shared.wakeups)
        shared.wakeups.clear()

    def _complete(self, key: Key, shared: Shared, answer: Answer) -> None:
        shared.answer, shared.made_at = answer, asyncio.get_running_loop().time()
        if not answer.is_faulty:  # the next watcher that asks may be luckier
            self._kept[key] = shared
            self._characters += len(answer.text)
            self._forget()

    def _forget(self) -> None:
        """Drop answers that are too old, and the oldest if there are too many characters. The last one is kept however long it is."""
        past = asyncio.get_running_loop().time() - KEPT_SECONDS
        while self._kept:
            key, oldest = next(iter(self._kept.items()))
            if oldest.made_at >= past and (self._characters <= KEPT_CHARACTERS or len(self._kept) == 1):
                return
            del self._kept[key]
            self._characters -= len(oldest.answer.text) if oldest.answer else 0


class Share:
    """The answer that one watcher waits for, held until it is sent, so that it is not made twice."""

    def __init__(self, answers: SharedAnswers, sharers: object, make: Make) -> None:
        self._answers = answers
        self._sharers = sharers  # kept alive here for as long as there is a watcher
        self._make = make
        self._awaited: tuple[Hashable, Shared] | None = None

    def answer(self, event: Hashable, wakeup: Wakeable) -> Answer | None:
        """The answer to the event if it is there. Otherwise None, and the wakeup is woken when it is."""
        if self._awaited is None or self._awaited[0] != event:
            self._awaited = event, self._answers.find(self._sharers, event, self._make)
        shared = self._awaited[1]
        if shared.answer is None:
            shared.wakeups[wakeup] = None
        return shared.answer

    def release(self) -> None:
        """Drop the answer, once it is sent."""
        self._awaited = None
