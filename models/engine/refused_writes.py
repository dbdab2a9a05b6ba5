"""Naming why a database refuses a write: it is read-only, its disk is full, or another process writes for too long."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from asyncpg.exceptions import DiskFullError, LockNotAvailableError, PostgresIOError, ReadOnlySQLTransactionError
from tortoise.exceptions import BaseORMException

from models.errors import Conflict, DatabaseNotWritable, MusterError

BUSY = "The database was busy with another write for too long. Nothing was changed; try again."
NOT_WRITABLE = "The database takes no writes, and nothing was changed: {reason}"
READ_ONLY = "it is read-only. Ask the operator of this server to make it writable."
FULL = "its disk is full. Ask the operator of this server to free space on it."
FAILING = "its disk fails to write. Ask the operator of this server to check the disk, its free space and its quota."

SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
SQLITE_REASONS = {
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_FULL: FULL,
    sqlite3.SQLITE_IOERR: FAILING,
    sqlite3.SQLITE_CANTOPEN: FAILING,
}
POSTGRESQL_REASONS = {ReadOnlySQLTransactionError: READ_ONLY, DiskFullError: FULL, PostgresIOError: FAILING}
PRIMARY_CODE = 0xFF  # of SQLite's extended codes, the lowest byte is the code that they extend


@contextmanager
def refused_writes_named() -> Iterator[None]:
    """Raise `DatabaseNotWritable` or `Conflict` for a write inside that the database refuses for one of these reasons."""
    try:
        yield
    except Exception as error:
        if named := _named(error):
            raise named from error
        raise


def _named(error: Exception) -> MusterError | None:
    cause = _cause(error)
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK) & PRIMARY_CODE  # what Python's own module refuses has no code
    if code in SQLITE_BUSY or isinstance(cause, LockNotAvailableError):
        return Conflict(BUSY)
    reason = SQLITE_REASONS.get(code) or next((reason for kind, reason in POSTGRESQL_REASONS.items() if isinstance(cause, kind)), None)
    return DatabaseNotWritable(NOT_WRITABLE.format(reason=reason)) if reason else None


def _cause(error: Exception) -> Exception:
    """The driver's error, which the ORM's errors hold as their argument."""
    return error.args[0] if isinstance(error, BaseORMException) and error.args and isinstance(error.args[0], Exception) else error
