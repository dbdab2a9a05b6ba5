"""Answers that many are waiting for, made and put into words once.

Each watcher walks through the events at its own pace; only the answer to an event is shared, and only for a moment: it
tells values as they were when it was made.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

from app.graphql.wire import Answer
from subscriptions.bells import Peal, Ringable

KEPT_SECONDS = 1.0
KEPT_CHARACTERS = 2**24  # of all answers together; with fewer, a watcher that lags behind has some made again

Key = tuple[object, Hashable]  # who shares, and the event
Make = Callable[[Any], Answer | Awaitable[Answer]]


@dataclass(slots=True)
class _Made:
    """An answer, or those who wait until it is there."""

    at: float
    answer: Answer | None = None
    bells: list[Ringable] = field(default_factory=list)


class SharedAnswers:
    """The answers of the last moment, by what they depend on."""

    def __init__(self) -> None:
        self._made: OrderedDict[Key, _Made] = OrderedDict()
        self._characters = 0
        self._making: set[asyncio.Task[None]] = set()
        self._peal = Peal()

    def get(self, sharers: object, event: Hashable, make: Make, bell: Ringable) -> Answer | None:
        """The answer to the event for these sharers, if it is there; else it is being made, and the bell rings when to ask again.

        `make` does not raise.
        """
        now = asyncio.get_running_loop().time()
        made = self._made.get((sharers, event))
        if made is None or made.at < now - KEPT_SECONDS:
            made = self._make((sharers, event), make, now)
        if made.answer is None:
            made.bells.append(bell)
        return made.answer

    def _make(self, key: Key, make: Make, now: float) -> _Made:
        self._drop(key)
        made = self._made[key] = _Made(now)
        answer = make(key[1])
        if isinstance(answer, Answer):
            self._keep(key, made, answer)
        else:
            # A task of its own: whoever asked first may go away, and the others still want the answer.
            task = asyncio.create_task(self._finish(key, made, answer))
            self._making.add(task)
            task.add_done_callback(self._making.discard)
        return made

    async def _finish(self, key: Key, made: _Made, answer: Awaitable[Answer]) -> None:
        self._keep(key, made, await answer)
        self._peal.ring(made.bells)
        made.bells.clear()

    def _keep(self, key: Key, made: _Made, answer: Answer) -> None:
        made.answer = answer
        if self._made.get(key) is made:
            self._characters += len(answer.text)
        while len(self._made) > 1 and (self._characters > KEPT_CHARACTERS or self._oldest().at < made.at - KEPT_SECONDS):
            self._drop(next(iter(self._made)))

    def _oldest(self) -> _Made:
        return next(iter(self._made.values()))

    def _drop(self, key: Key) -> None:
        made = self._made.pop(key, None)
        if made and made.answer:
            self._characters -= len(made.answer.text)
