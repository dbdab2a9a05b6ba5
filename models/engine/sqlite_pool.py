"""The connections to one SQLite file: one that writes, and some that read what is committed without waiting for a write."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite

from models.engine import sqlite_connection
from models.engine.fair_queue import HeldTurn
from models.engine.loans import Loans, Pool
from models.engine.sqlite_connection import call_to_write
from models.engine.sqlite_journal import Journal

READERS = 4  # one for a long query and some for short ones: more would only contend for the interpreter
ONLY_READING = {"query_only": "ON"}


class SqlitePool:
    """Opens the connections when they are first needed, and lends them."""

    def __init__(self, path: str, pragmas: Mapping[str, Any]) -> None:
        self._path = path
        self._pragmas = dict(pragmas)
        self._journal = Journal(path)
        self._opening = asyncio.Lock()
        self._writer: aiosqlite.Connection | None = None
        self._readers: list[aiosqlite.Connection] = []
        self._idle: list[aiosqlite.Connection] = []
        self.writers, self.readers = Loans(1), Loans(READERS)
        self._writer_loan: HeldTurn | None = None
        self._reader_loans: dict[aiosqlite.Connection, HeldTurn] = {}

    async def writer(self) -> aiosqlite.Connection:
        """The connection that writes, for its borrower. It is opened if it is not open."""
        if self._writer:
            return self._writer
        async with self._opening:
            if not self._writer:
                self._writer = await sqlite_connection.opened(self._path, self._pragmas)
            return self._writer

    @asynccontextmanager
    async def lend_writer(self) -> AsyncIterator[aiosqlite.Connection]:
        """The connection that writes, for one call."""
        await self.borrow_writer()
        try:
            yield await self.writer()
        finally:
            await self.give_writer_back()

    async def borrow_writer(self) -> None:
        """Wait for the connection that writes, which has to be given back."""
        self._writer_loan = await self.writers.borrow()

    async def give_writer_back(self) -> None:
        """Lend the connection that writes to the next who waits."""
        try:
            if self._writer:
                await self._journal.keep_short(self._writer, self.readers)
        finally:
            loan, self._writer_loan = self._writer_loan, None
            if loan:
                loan.end()

    async def borrow_reader(self) -> aiosqlite.Connection:
        """Wait for a connection that reads, which has to be given back."""
        loan = await self.readers.borrow()
        try:
            reader = self._idle.pop() if self._idle else await self._new_reader()
        except BaseException:
            loan.end()
            raise
        self._reader_loans[reader] = loan
        return reader

    async def _new_reader(self) -> aiosqlite.Connection:
        await self.writer()  # which creates the journal
        reader = await sqlite_connection.opened(self._path, self._pragmas | ONLY_READING)
        self._readers.append(reader)
        return reader

    async def give_reader_back(self, reader: aiosqlite.Connection) -> None:
        """Lend a connection that reads to the next who waits."""
        try:
            if reader in self._readers and reader.in_transaction:  # an interrupt has kept its last call from ending it
                await call_to_write(reader, sqlite_connection.roll_back)
        finally:
            self._idle.append(reader)  # the one that was used last knows most pages
            self._reader_loans.pop(reader).end()

    async def close(self) -> None:
        """Close all connections, when their last calls have ended."""
        self._idle.clear()
        while self._readers:
            await self._readers.pop().close()
        if self._writer:
            await self._writer.close()
            self._writer = None

    def state(self) -> Pool:
        """How many connections are lent, how many others are open, and how many there may be."""
        used = self.readers.lent + self.writers.lent
        return Pool(used, 1 + len(self._readers) - used, self.readers.most + self.writers.most, self.readers.waiting + self.writers.waiting)


class ReaderLoan:
    """The loan of a connection that reads. It is no generator, which would take a tenth of the time of a small query."""

    __slots__ = ("_pool", "_reader")

    def __init__(self, pool: SqlitePool) -> None:
        self._pool = pool

    async def __aenter__(self) -> aiosqlite.Connection:
        self._reader = await self._pool.borrow_reader()
        return self._reader

    async def __aexit__(self, *_error: object) -> None:
        await self._pool.give_reader_back(self._reader)
