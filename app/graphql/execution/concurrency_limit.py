"""How many queries and mutations a process runs at once: beyond that, answers would only come ever later, to all."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import Overloaded


class Turns:
    """A number of turns, each taken by one operation from its beginning to its answer; subscriptions wait, and take none."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    def require(self) -> None:
        """Raise `Overloaded` if there is no turn left."""
        if self._taken >= self._most:
            raise Overloaded

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take a turn for as long as the context is open."""
        self.require()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
