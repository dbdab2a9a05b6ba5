"""How many contacts one write of a bulk action takes: as many as it can hold locked without other writers noticing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

AIM = 0.1  # seconds that a chunk keeps its contacts locked
AIM_WHILE_OTHERS_WAIT = 0.025  # where other writers have to wait for the end of the chunk, as on SQLite
FIRST = 500  # contacts of the first chunk, when nothing has been measured yet
FEWEST = 500  # below this, what every chunk takes whatever its size is a good part of the time
FEWEST_WHILE_OTHERS_WAIT = 100
STEEPEST = 4  # a chunk is at most so many times larger than the one before, which says little about much larger ones


@dataclass(slots=True)
class ChunkPace:
    """The size of the next chunk, chosen by how long the last one took. It is never above `most`."""

    most: int
    size: int = FIRST

    def __post_init__(self) -> None:
        self.size = min(self.size, self.most)

    @contextmanager
    def timed(self, others_wait: Callable[[], bool] = lambda: False, *, clock: Callable[[], float] = perf_counter) -> Iterator[None]:
        """Time a chunk of the present size, and choose the size of the next one: smaller if other writers wait at its end."""
        began = clock()
        yield
        aim, fewest = (AIM_WHILE_OTHERS_WAIT, FEWEST_WHILE_OTHERS_WAIT) if others_wait() else (AIM, FEWEST)
        factor = min(aim / max(clock() - began, aim / STEEPEST), STEEPEST)
        self.size = min(max(int(self.size * factor), fewest), self.most)
