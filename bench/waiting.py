"""How long a piece of work waits for the database, as distinct from the time that it computes."""

from collections.abc import Awaitable, Callable, Generator
from time import perf_counter
from typing import Any, NamedTuple

Work = Callable[[], Awaitable[object]]


class Waited(NamedTuple):
    """The milliseconds of one run: all, those spent waiting, and how many times it waited."""

    total: float
    waiting: float
    times: int


class Watched:
    """Runs work alone on the event loop, and measures how long it waits. The first run warms up and does not count."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._runs: list[Waited] = []

    @property
    def runs(self) -> list[Waited]:
        """All runs but the first."""
        return self._runs[1:]

    async def __call__(self) -> None:
        """Run it once more."""
        self._runs.append(await _Watch(self._work()))


class _Watch:
    """Awaits something else, and measures each time that it yields to the event loop."""

    def __init__(self, work: Awaitable[object]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, Waited]:
        steps = self._work.__await__()
        began, waiting, times = perf_counter(), 0.0, 0
        while True:
            try:
                wanted = next(steps)
            except StopIteration:
                return Waited((perf_counter() - began) * 1000, waiting * 1000, times)
            paused = perf_counter()
            try:
                yield wanted
            finally:
                waiting += perf_counter() - paused
                times += 1
