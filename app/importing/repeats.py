"""Rows that are about the same contact: brought together, so that importing a file twice does not undo and redo them.

Applied one by one, two rows with one e-mail address and different names would rename the contact back and forth
with every import. They are held until the last of them has been read, and then written at once, in their order.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

SLOTS = 2**27  # one bit each: 16 MB, of which a file of a million rows fills less than one per cent
MOST_KEYS = 1_000_000  # kept of the keys that repeat
MOST_HELD = 10_000  # rows kept until the last of their kind; beyond it they are written earlier


def last_positions(keys: Iterable[Hashable]) -> dict[int, int]:
    """By hash, the last position of each key that comes more than once (and, harmlessly, of a few that do not)."""
    seen = bytearray(SLOTS // 8)
    last: dict[int, int] = {}
    for position, key in enumerate(keys):
        found = hash(key)
        byte, bit = divmod(found % SLOTS, 8)
        if not seen[byte] & 1 << bit:
            seen[byte] |= 1 << bit
        elif found in last or len(last) < MOST_KEYS:
            last[found] = position
    return last


class Gathering(Generic[T]):
    """Passes items on, those with the same key together, as soon as the last of them has come."""

    def __init__(self, key: Callable[[T], Hashable], last: dict[int, int]) -> None:
        self._key = key
        self._last = last
        self._held: dict[int, list[T]] = {}
        self._count = 0

    def together(self, items: Iterable[T]) -> Iterator[list[T]]:
        """The items in lists of one key each."""
        for position, item in enumerate(items):
            key = hash(self._key(item))
            if position < self._last.get(key, position):
                self._hold(key, item)
            else:
                yield [*self._take(key), item]
            if self._count > MOST_HELD:
                yield self._take(next(iter(self._held)))
        yield from self._held.values()

    def _hold(self, key: int, item: T) -> None:
        self._held.setdefault(key, []).append(item)
        self._count += 1

    def _take(self, key: int) -> list[T]:
        held = self._held.pop(key, [])
        self._count -= len(held)
        return held


def chunked(groups: Iterable[list[T]], size: int) -> Iterator[list[T]]:
    """The items of whole groups in chunks of at least `size`, but for the last."""
    chunk: list[T] = []
    for group in groups:
        chunk += group
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
