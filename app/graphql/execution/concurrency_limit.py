"""How many queries and mutations a process runs at once: more would only make all of them slower."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import Overloaded


class ConcurrencyLimit:
    """Counts the operations that run, from their beginning to their answer. Subscriptions wait most of the time and do not count."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running = 0

    def require_room(self) -> None:
        """Raise `Overloaded` if as many operations run as may."""
        if self._running >= self._most:
            raise Overloaded

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count one operation for as long as the context is open. Raises `Overloaded`."""
        self.require_room()
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
