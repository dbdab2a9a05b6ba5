"""Counts the bytes of an answer while it is put together, so that it is refused before it takes much memory."""

from collections.abc import Callable

from models.errors import AnswerTooLarge, MusterError

STEP = 2**16  # bytes that are reserved at once, so that most values only cost an addition

Reserve = Callable[[int], MusterError | None]
"""Reserves so many bytes in all for the answer, or returns why it cannot."""


def granted(_bytes: int) -> MusterError | None:
    """Reserve any number of bytes."""
    return None


class AnswerBytes:
    """The bytes of one answer. Once there are too many, `refusal` says so, and nothing more has to be put together."""

    __slots__ = ("_most", "_reserve", "_reserved", "count", "refusal")

    def __init__(self, most: int | None = None, reserve: Reserve = granted) -> None:
        self._most = most
        self._reserve = reserve
        self.restart()

    def restart(self) -> None:
        """Begin to count the next answer of the operation."""
        self.count = self._reserved = 0
        self.refusal: MusterError | None = None

    def add(self, count: int) -> None:
        """Count bytes that the answer holds from now on."""
        self.count += count
        if self.count > self._reserved and self.refusal is None:
            self._reserve_more()

    def _reserve_more(self) -> None:
        if self._most is not None and self.count > self._most:
            self.refusal = AnswerTooLarge(self._most)
            return
        self._reserved = self.count + STEP
        self.refusal = self._reserve(self._reserved)
