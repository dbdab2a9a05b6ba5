"""How many contacts to take at once: as many as are done before those who wait for one of them notice."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

AIM = 0.1  # seconds that a chunk keeps its contacts locked, and on SQLite all other writers waiting
FIRST = 500  # contacts of the first chunk, of which nobody knows yet how long they take
FEWEST = 500  # below which a good part of the time goes into what every chunk takes, however small
STEEPEST = 4  # times as many as before, since what one chunk took says little of a much larger one


@dataclass(slots=True)
class Pace:
    """The size of the next chunk, by how long the last one took; never above `most`."""

    most: int
    size: int = FIRST

    def __post_init__(self) -> None:
        self.size = min(self.size, self.most)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Time a chunk of the present size, and choose that of the next one."""
        began = perf_counter()
        yield
        factor = min(AIM / max(perf_counter() - began, AIM / STEEPEST), STEEPEST)
        self.size = min(max(int(self.size * factor), FEWEST), self.most)
