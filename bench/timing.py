"""Comparing how long things take on a machine that is never quiet: rivals run in turns, and each round is compared with itself."""

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter

FEWEST_ROUNDS = 5
MOST_ROUNDS = 41

Run = Callable[[], Awaitable[object]]


async def interleaved(rivals: Sequence[Run], *, seconds: float) -> list[list[float]]:
    """The milliseconds of each rival, round by round, in as many rounds as fit into about so many seconds.

    Each round runs every rival once and begins with another one. A first round warms up and does not count.
    """
    for rival in rivals:
        await rival()
    found: list[list[float]] = [[] for _ in rivals]
    began = perf_counter()
    for number in range(MOST_ROUNDS):
        if number >= FEWEST_ROUNDS and perf_counter() - began > seconds:
            break
        for turn in range(len(rivals)):
            index = (number + turn) % len(rivals)
            found[index].append(await _milliseconds(rivals[index]))
    return found


async def _milliseconds(rival: Run) -> float:
    start = perf_counter()
    await rival()
    return (perf_counter() - start) * 1000
