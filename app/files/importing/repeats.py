"""Rows that are about the same contact: brought together, so that importing a file twice does not undo and redo them.

Applied one by one, two rows with one e-mail address and different names would rename the contact back and forth
with every import. They are held until the last of them has been read, and then written at once, in their order.
Where many wait, as in two lists of the same people one after the other, they wait on the disk.
"""

import pickle
from collections.abc import Callable, Hashable, Iterable, Iterator
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, Generic, TypeVar

T = TypeVar("T")

SLOTS = 2**27  # one bit each: 16 MB, of which a file of a million rows fills less than one per cent
MOST_KEYS = 1_000_000  # kept of the keys that repeat, in some 100 bytes each; rows of others are not brought together
MOST_TOGETHER = 10_000  # rows of one key, since they are written in one transaction; the next ones are written later
MOST_HELD = 10_000  # rows that wait in memory; of each one more, some 200 bytes stay there
MOST_SPOOLED = 2**20  # bytes of such rows before they go to the disk


class Repeats:
    """Which keys there are, and by hash the `last` position of each that comes more than once (and, harmlessly, of a few that do not)."""

    def __init__(self, keys: Iterable[Hashable]) -> None:
        self.last: dict[int, int] = {}
        self._seen = bytearray(SLOTS // 8)
        seen, last = self._seen, self.last
        for position, key in enumerate(keys):
            found = hash(key)
            byte, bit = divmod(found % SLOTS, 8)
            if not seen[byte] & 1 << bit:
                seen[byte] |= 1 << bit
            elif found in last or len(last) < MOST_KEYS:
                last[found] = position

    def may_have(self, key: Hashable) -> bool:
        """Whether the key is there; of a few that are not, too."""
        byte, bit = divmod(hash(key) % SLOTS, 8)
        return bool(self._seen[byte] & 1 << bit)


class _Place(int):
    """Where in the file an item is."""


class Gathering(Generic[T]):
    """Passes items on, those with the same key together, as soon as the last of them has come."""

    def __init__(self, key: Callable[[T], Hashable], last: dict[int, int]) -> None:
        self._key = key
        self._last = last
        self._held: dict[int, list[T | _Place]] = {}
        self._count = 0

    def together(self, items: Iterable[T]) -> Iterator[list[T]]:
        """The items in lists of one key each."""
        with SpooledTemporaryFile(MOST_SPOOLED) as aside:
            for position, item in enumerate(items):
                key = hash(self._key(item))
                held = self._held.setdefault(key, []) if position < self._last.get(key, position) else None
                if held is None or len(held) == MOST_TOGETHER:
                    yield [*self._taken(key, aside), item]
                else:
                    held.append(self._kept(item, aside))
            for key in list(self._held):  # whose last rows are no longer in the file
                yield [*self._taken(key, aside)]

    def _kept(self, item: T, aside: IO[bytes]) -> T | _Place:
        if self._count < MOST_HELD:
            self._count += 1
            return item
        place = _Place(aside.seek(0, SEEK_END))
        pickle.dump(item, aside)
        return place

    def _taken(self, key: int, aside: IO[bytes]) -> Iterator[T]:
        for held in self._held.pop(key, ()):
            if isinstance(held, _Place):
                aside.seek(held)
                yield pickle.load(aside)  # noqa: S301  # which this process wrote itself, into a file without a name
            else:
                self._count -= 1
                yield held


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
