"""Groups rows about the same contact, so that importing a file again changes nothing.

Applied one by one, two rows with one e-mail address and different names would rename the contact twice with every import.
Such rows are held until the last of them has been read, and are then written together in their order. If many rows are
held, as in two lists of the same people one after the other, they are kept on disk.
"""

import pickle
from collections.abc import Callable, Hashable, Iterable, Iterator
from os import SEEK_END
from tempfile import SpooledTemporaryFile
from typing import IO, Generic, TypeVar

T = TypeVar("T")

SLOTS = 2**27  # of one bit: 16 MB, of which a file of a million rows fills less than one per cent
MOST_KEYS = 1_000_000  # repeated keys that are remembered, at 100 bytes each. Rows of further keys are not grouped
MOST_TOGETHER = 10_000  # rows of one key, because they are written in one transaction. Further rows are written later
MOST_HELD = 10_000  # rows held in memory. Each further row takes 200 bytes there
MOST_SPOOLED = 2**20  # bytes of further rows before they go to the disk


class Repeats:
    """Finds the keys that occur more than once, and for each the `last` position, by hash.

    Because of hash collisions, `last` can contain a few keys that occur once, which does no harm.
    """

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
        """Whether the key occurs. For a few keys that do not, this is wrongly true."""
        byte, bit = divmod(hash(key) % SLOTS, 8)
        return bool(self._seen[byte] & 1 << bit)


class _Position(int):
    """The position of an item in the temporary file."""


class Gathering(Generic[T]):
    """Groups items with the same key, and returns each group as soon as its last item has been read."""

    def __init__(self, key: Callable[[T], Hashable], last: dict[int, int]) -> None:
        self._key = key
        self._last = last
        self._held: dict[int, list[T | _Position]] = {}
        self._count = 0

    def together(self, items: Iterable[T]) -> Iterator[list[T]]:
        """Yield the items in lists of one key each."""
        with SpooledTemporaryFile(MOST_SPOOLED) as aside:
            for position, item in enumerate(items):
                key = hash(self._key(item))
                held = self._held.setdefault(key, []) if position < self._last.get(key, position) else None
                if held is None or len(held) == MOST_TOGETHER:
                    yield [*self._taken(key, aside), item]
                else:
                    held.append(self._kept(item, aside))
            for key in list(self._held):  # whose last rows have gone because the file was changed meanwhile
                yield [*self._taken(key, aside)]

    def _kept(self, item: T, aside: IO[bytes]) -> T | _Position:
        if self._count < MOST_HELD:
            self._count += 1
            return item
        place = _Position(aside.seek(0, SEEK_END))
        pickle.dump(item, aside)
        return place

    def _taken(self, key: int, aside: IO[bytes]) -> Iterator[T]:
        for held in self._held.pop(key, ()):
            if isinstance(held, _Position):
                aside.seek(held)
                yield pickle.load(aside)  # noqa: S301  # this process wrote it into a file without a name
            else:
                self._count -= 1
                yield held


def chunked(groups: Iterable[list[T]], size: int) -> Iterator[list[T]]:
    """Yield the items of whole groups in chunks of at least `size`, except for the last chunk."""
    chunk: list[T] = []
    for group in groups:
        chunk += group
        if len(chunk) >= size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
