"""Loans of database connections: who waits for one, in which order they get it, and how many are lent at once.

Both engines lend their connections here and nowhere else: the connections of PostgreSQL's pool, SQLite's connections that read, and the
one that writes. A loan lasts for one statement, for statements that are answered together, or for a whole transaction.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from models.engine.fair_queue import FairQueue, HeldTurn

MOST_WAITING = 10_000  # tasks for a connection: running operations, sign-ins and subscriptions are bounded before they get here


class Pool(NamedTuple):
    """The connections of a pool: in use, open and idle, and how many there may be. And how many tasks wait for one."""

    used: int
    idle: int
    most: int
    waiting: int = 0


class Loans:
    """Lends at most so many connections at once. Accounts take turns, and so do the tokens of an account."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.turns = FairQueue(most, MOST_WAITING)

    @property
    def lent(self) -> int:
        """How many connections are lent."""
        return self.turns.running

    @property
    def waiting(self) -> int:
        """How many tasks wait for a connection."""
        return self.turns.waiting

    async def borrow(self) -> HeldTurn:
        """Wait for a connection, at most until the deadline of the running request. It is lent until the loan is ended."""
        loan = self.turns.turn()
        await loan.begin()
        return loan

    @asynccontextmanager
    async def all_lent(self) -> AsyncIterator[None]:
        """Wait until all loans have ended, and lend nothing until the end of the context."""
        async with self.turns.none_running():
            yield
