"""Sharing the event loop: long work pauses, so that other tasks run every few milliseconds, or goes to a thread."""

import asyncio
from asyncio import AbstractEventLoop, Future
from collections.abc import AsyncIterator, Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from time import perf_counter
from typing import TypeVar
from weakref import WeakKeyDictionary

from models.engine.fair_queue import FairQueue

T = TypeVar("T")

LONGEST = 0.005  # seconds of work in one iteration of the event loop, after which whatever can pause does
QUICK = 2_048  # characters of a text that are parsed within some milliseconds
MOST_WAITING = 10_000  # pieces of work for the thread, which is more than a process lets operations run and wait
WOKEN = 8  # tasks that go on in one iteration. One that finds no time left waits again, before all that came later


class Pace:
    """How long one event loop has worked since it last looked for new events, and the tasks that pause until it has."""

    clock: Callable[[], float] = staticmethod(perf_counter)
    """Seconds of work. Tests replace it by a count of instructions."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._began: float | None = None
        self._tickets = count()
        self._paused: list[tuple[int, Future[bool]]] = []
        self._thread = FairQueue(1, MOST_WAITING)

    def is_due(self) -> bool:
        """Whether the present iteration of the event loop has lasted so long that its tasks should pause."""
        if self._began is None:
            self._begin()
            return False
        return self.clock() - self._began > LONGEST

    async def pause(self) -> None:
        """Let the event loop look for new events first, if it is time. Paused tasks go on in the order in which they came."""
        ticket, goes_on = next(self._tickets), False
        while self.is_due() and not goes_on:
            paused: Future[bool] = self._loop.create_future()
            heappush(self._paused, (ticket, paused))
            goes_on = await paused

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do the work in a thread while the event loop goes on. One at a time, in fair order: several would only slow each other."""
        async with self._thread.turn():
            return await asyncio.to_thread(work)

    def _begin(self) -> None:
        self._began = self.clock()
        self._loop.call_soon(self._end)

    def _end(self) -> None:
        """Begin the next iteration with some of the tasks that paused. The first of them goes on in any case."""
        self._began = None
        woken: list[Future[bool]] = []
        while self._paused and len(woken) < WOKEN:
            _, paused = heappop(self._paused)
            if not paused.done():  # else it was cancelled
                paused.set_result(not woken)
                woken.append(paused)
        if woken:
            self._begin()  # after them, so that those that pause again are before all that came later


_paces: WeakKeyDictionary[AbstractEventLoop, Pace] = WeakKeyDictionary()


def pace() -> Pace:
    """The pace of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _paces.get(loop)
    if found is None:
        found = _paces[loop] = Pace(loop)
    return found


async def pause() -> None:
    """Let other tasks run first, if the event loop has worked for five milliseconds since it last looked for new events."""
    await pace().pause()


async def in_thread(work: Callable[[], T]) -> T:
    """Do long work that touches nothing shared in a thread, while the event loop goes on."""
    return await pace().in_thread(work)


async def by_size(size: int, work: Callable[[], T]) -> T:
    """Do work on a text of this length: in a thread if it is long, and otherwise at once, when there is time."""
    if size > QUICK:
        return await in_thread(work)
    await pause()
    return work()


async def cooperatively(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items, and pause in between whenever it is time."""
    ours = pace()
    for item in items:
        if ours.is_due():
            await ours.pause()
        yield item
