"""One connection to a SQLite file: opening it, and calls to its thread that end when their task is cancelled.

This is the only module that uses private names of aiosqlite.
"""

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import aiosqlite

T = TypeVar("T")

Bound = tuple[str, Sequence[Any]]  # a statement and its parameters
Rows = list[dict[str, Any]]
Call = Callable[..., T]  # with the connection as its first argument, in the thread of the connection

BEGIN_READING = "BEGIN"
ROLLBACK = "ROLLBACK"
INTERRUPT_AGAIN_SECONDS = 0.01  # an interrupt that comes before its statement begins has no effect

_WRITES = re.compile(r"\b(?:INSERT|UPDATE|DELETE|REPLACE)\b", re.IGNORECASE)


def is_read(sql: str) -> bool:
    """Whether a statement only reads tables. One that begins with WITH may write, and a PRAGMA counts as a write."""
    begins = sql.lstrip()[:6].upper()
    return begins == "SELECT" or (begins.startswith("WITH") and not _WRITES.search(sql))


async def opened(path: str, pragmas: Mapping[str, Any]) -> aiosqlite.Connection:
    """Open the file. The connection must be closed, or its thread never ends."""
    connection = await aiosqlite.connect(path, isolation_level=None)
    try:
        await call_to_write(connection, _prepare, pragmas)
    except BaseException:
        await connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, pragmas: Mapping[str, Any]) -> None:
    connection.row_factory = sqlite3.Row
    for pragma, value in pragmas.items():
        connection.execute(f"PRAGMA {pragma}={value}")


async def call_to_read(connection: Any, call: Call[T], *arguments: Any) -> T:
    """Call a function that only reads, in the thread of the connection. If this task is cancelled, it is interrupted and awaited."""
    try:
        found: T = await connection._execute(call, connection._conn, *arguments)
    except asyncio.CancelledError:
        await _until_idle(connection, interrupting=True)
        raise
    return found


async def call_to_write(connection: Any, call: Call[T], *arguments: Any) -> T:
    """Call a function that may write, in the thread of the connection. It is never interrupted: SQLite would undo the whole transaction.

    If this task is cancelled, the cancellation waits until the function has ended.
    """
    try:
        found: T = await connection._execute(call, connection._conn, *arguments)
    except asyncio.CancelledError:
        await _until_idle(connection, interrupting=False)
        raise
    return found


async def _until_idle(connection: Any, *, interrupting: bool) -> None:
    """Wait until the thread has ended all that it was given, however often this task is cancelled meanwhile."""
    idle = asyncio.ensure_future(connection._execute(_do_nothing))
    while not idle.done():
        if interrupting:
            await connection.interrupt()
        with suppress(asyncio.CancelledError):
            await asyncio.wait([idle], timeout=INTERRUPT_AGAIN_SECONDS if interrupting else None)


def _do_nothing() -> None:
    """What the thread gets to when all that was given to it before has ended."""


def run(connection: sqlite3.Connection, sql: str) -> None:
    """Run a statement that returns nothing."""
    connection.execute(sql)


def fetch(connection: sqlite3.Connection, sql: str, values: Sequence[Any] | None) -> tuple[int, list[sqlite3.Row]]:
    """How many rows a statement has changed, or else returned, and the rows that it has returned."""
    before = connection.total_changes
    rows = connection.execute(sql, values or ()).fetchall()
    return connection.total_changes - before or len(rows), rows


def fetch_dicts(connection: sqlite3.Connection, sql: str, values: Sequence[Any] | None) -> Rows:
    """The rows of a statement."""
    return [dict(row) for row in connection.execute(sql, values or ())]


def fetch_in_turn(connection: sqlite3.Connection, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements one after the other, and return the rows of each."""
    return [fetch_dicts(connection, sql, values) for sql, values in statements]


def fetch_at_once(connection: sqlite3.Connection, statements: Sequence[Bound]) -> list[Rows]:
    """Run statements that only read, all as of one moment, and return the rows of each."""
    if connection.in_transaction:
        return fetch_in_turn(connection, statements)
    connection.execute(BEGIN_READING)
    try:
        return fetch_in_turn(connection, statements)
    finally:
        connection.execute(ROLLBACK)  # nothing was written


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo the transaction, if there is one."""
    if connection.in_transaction:
        connection.execute(ROLLBACK)


def commit(connection: sqlite3.Connection) -> None:
    """Commit the transaction, or undo it if the database refuses that."""
    try:
        connection.commit()
    except sqlite3.Error:
        roll_back(connection)
        raise
