"""Turns for tasks: a bounded number run at once, the others wait in fair order, and beyond a bound they are refused."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import Self

from models.engine.deadlines import UntilDeadline
from models.engine.fair_order import FairOrder, Turn, WorkKey
from models.errors import Overloaded

BACKGROUND = WorkKey("muster", "background")
LONGEST_RETRY = 30  # seconds

work_key: ContextVar[WorkKey] = ContextVar("work_key", default=BACKGROUND)
"""Whose work the running task does. Tasks that it creates inherit it."""


@contextmanager
def work_of(account_id: int, job: str) -> Iterator[None]:
    """Count what the running task does inside as the work of an account, and of a job in it."""
    token = work_key.set(WorkKey(account_id, job))
    try:
        yield
    finally:
        work_key.reset(token)


class FairQueue:
    """Shares out turns among accounts, then among the tokens of an account. A turn is charged with the time for which it was held.

    A task that has a turn must not wait for another one of the same queue.
    """

    def __init__(self, most_running: int, most_waiting: int, clock: Callable[[], float] = perf_counter) -> None:
        self.order = FairOrder(most_running, most_waiting)
        self._clock = clock
        self._decided: dict[Turn, asyncio.Future[bool]] = {}
        self._idle = asyncio.Event()
        self.refused = 0
        """The turns that were refused because too many were waiting."""

    @property
    def running(self) -> int:
        """How many turns are held."""
        return self.order.running

    @property
    def waiting(self) -> int:
        """How many tasks wait for a turn."""
        return self.order.waiting

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered of any account."""
        return not self.order.remembered

    def turn(self) -> "HeldTurn":
        """A context that holds a turn for the work of the running task. Entering it raises `Overloaded` if too many wait."""
        return HeldTurn(self, work_key.get())

    def arrive(self, turn: Turn) -> asyncio.Future[bool] | None:
        """Start a turn, or return a future that says whether it was started or refused. Raises `Overloaded`."""
        refused = self.order.arrive(turn, self._clock())
        if refused is turn:
            self.refused += 1
            raise self.overloaded(turn)
        if refused:
            self.refused += 1
            self._decide(refused, is_started=False)
        if turn.is_started:
            return None
        decided = self._decided[turn] = asyncio.get_running_loop().create_future()
        return decided

    def finish(self, turn: Turn) -> None:
        """End a turn, and wake the tasks whose turns start in its place."""
        self._start(self.order.finish(turn, self._clock()))
        if not self.running:
            self._idle.set()

    @asynccontextmanager
    async def none_running(self) -> AsyncIterator[None]:
        """Start no turns inside, after a wait for those that run, at most until the deadline of the request. Not for two tasks at once."""
        most = self.order.most_running
        self.order.set_most_running(0, self._clock())
        try:
            async with UntilDeadline():
                while self.running:
                    self._idle.clear()
                    await self._idle.wait()
            yield
        finally:
            self._start(self.order.set_most_running(most, self._clock()))

    def leave(self, turn: Turn) -> None:
        """Give up a turn that waits, or that was started for a task that is gone."""
        if turn.is_started:
            self.finish(turn)
        elif self._decided.pop(turn, None):
            self.order.leave(turn, self._clock())

    def _start(self, started: Iterable[Turn]) -> None:
        for turn in started:
            self._decide(turn, is_started=True)

    def _decide(self, turn: Turn, *, is_started: bool) -> None:
        decided = self._decided.pop(turn)
        if not decided.cancelled():  # else the task gives the turn up itself when it runs next
            decided.set_result(is_started)

    def overloaded(self, turn: Turn) -> Overloaded:
        """The error for a refused turn. It says to try again when those that wait now will have had their turns."""
        seconds = math.ceil(self.order.longest_wait(turn.key, self._clock()))
        return Overloaded(min(max(seconds, 1), LONGEST_RETRY))


class HeldTurn(Turn):
    """A turn that is held while the context is open. One that need not wait is taken without a switch of tasks."""

    __slots__ = ("_queue",)

    def __init__(self, queue: FairQueue, key: WorkKey) -> None:
        super().__init__(key)
        self._queue = queue

    async def begin(self) -> None:
        """Take the turn. Raises `Overloaded` if too many wait, and `DeadlineExceeded` if it comes too late for the request."""
        decided = self._queue.arrive(self)
        if decided:
            await self._wait(decided)

    def end(self) -> None:
        """Give the turn back."""
        self._queue.finish(self)

    async def __aenter__(self) -> Self:
        await self.begin()
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.end()

    async def _wait(self, decided: asyncio.Future[bool]) -> None:
        try:
            async with UntilDeadline():
                is_started = await decided
        except BaseException:  # the task was cancelled, or its deadline has passed
            self._queue.leave(self)
            raise
        if not is_started:
            raise self._queue.overloaded(self)
