"""Loans of database connections: who waits for one, in which order they get it, and how many are lent at once.

Both engines lend their connections here and nowhere else: the connections of PostgreSQL's pool, SQLite's connections that read, and the
one that writes. A loan lasts for one statement, for statements that are answered together, or for a whole transaction.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from models.engine.deadlines import UntilDeadline


class Pool(NamedTuple):
    """The connections of a pool: in use, open and idle, and how many there may be."""

    used: int
    idle: int
    most: int


class Loans:
    """Lends at most so many connections at once, `lent` of them now. Of those who are `waiting`, who asked first is served first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.lent = self.waiting = 0
        self._free = asyncio.Semaphore(most)

    async def borrow(self) -> None:
        """Wait for a connection, at most until the deadline of the running request. It is lent until it is given back."""
        if self.waiting or self.lent >= self.most:
            await self._wait()
        else:
            await self._free.acquire()  # without waiting
        self.lent += 1

    async def _wait(self) -> None:
        self.waiting += 1
        try:
            async with UntilDeadline():
                await self._free.acquire()
        finally:
            self.waiting -= 1

    @asynccontextmanager
    async def all_lent(self) -> AsyncIterator[None]:
        """Wait until all loans have ended, and lend nothing until the end of the context."""
        taken = 0
        try:
            while taken < self.most:
                await self.borrow()
                taken += 1
            yield
        finally:
            for _ in range(taken):
                self.give_back()

    def give_back(self) -> None:
        """End a loan, so that the next who waits gets its connection."""
        self.lent -= 1
        self._free.release()
