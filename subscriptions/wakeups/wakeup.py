"""How watchers are woken: each waits for a bell of its own, and a peal rings many of them, a few at a time."""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Protocol

AT_ONCE = 16  # watchers woken in one turn of the event loop: nobody else waits for more than these


class Ringable(Protocol):
    """What a peal rings."""

    def ring(self) -> None:
        """Be rung; raises nothing, because the bells after it have to be rung too."""


class Bell:
    """What one watcher waits for; rung while nobody waits, it is heard by the next who does."""

    __slots__ = ("_rung", "_waiting")

    def __init__(self) -> None:
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits who has not been woken yet."""
        return not self._rung and self._waiting is not None

    def ring(self) -> None:
        """Wake whoever waits."""
        self._rung = True
        if self._waiting and not self._waiting.done():
            self._waiting.set_result(None)

    def clear(self) -> None:
        """Forget that it rang, before one looks at what it rings for."""
        self._rung = False

    async def heard(self) -> None:
        """Wait until it rings, unless it has rung since it was cleared."""
        if self._rung:
            return
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None


class Peal:
    """Rings any number of bells, in turn and each once, so that thousands of watchers never hold up a write's reply."""

    def __init__(self) -> None:
        self._due: deque[Ringable] = deque()
        self._known: set[Ringable] = set()

    def ring(self, bells: Iterable[Ringable]) -> None:
        """Let these bells ring soon."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._ring_some)
        for bell in bells:
            if bell not in self._known:
                self._known.add(bell)
                self._due.append(bell)

    def _ring_some(self) -> None:
        turn = [self._due.popleft() for _ in range(min(AT_ONCE, len(self._due)))]
        self._known.difference_update(turn)
        if self._due:
            asyncio.get_running_loop().call_soon(self._ring_some)
        for bell in turn:
            bell.ring()
