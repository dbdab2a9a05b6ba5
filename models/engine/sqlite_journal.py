"""Keeps the journal of a SQLite database short while there is always somebody who reads.

SQLite begins the journal anew by itself, but only when it finds a moment in which nobody reads. Readers of a busy server always overlap.
"""

import asyncio
import sqlite3
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from models.engine.loans import Loans
from models.engine.sqlite_connection import call_to_write
from models.errors import DeadlineExceeded

LONG_BYTES = 2**27  # of a journal: from here on, writing pauses for a moment until those who read older pages have ended
TOO_LONG_BYTES = 2**30  # and from here on, nobody begins to read until all who read have ended, which they do by their deadline
PAUSE_MILLISECONDS = 100
PAUSED_AT_MOST_EVERY = 1.0  # seconds

BEGIN_ANEW = "PRAGMA wal_checkpoint(TRUNCATE)"
PATIENCE = "PRAGMA busy_timeout"


class Journal:
    """The journal beside a SQLite file."""

    def __init__(self, path: str) -> None:
        self._path = Path(f"{path}-wal")
        self._paused_at = float("-inf")

    def size(self) -> int:
        """Its length in bytes."""
        try:
            return self._path.stat().st_size
        except OSError:  # there is none yet
            return 0

    async def keep_short(self, writer: Any, readers: Loans) -> None:
        """Begin the journal anew if it is long. Nobody else may write meanwhile, so the connection that writes must be lent."""
        now, size = asyncio.get_running_loop().time(), self.size()
        if size < LONG_BYTES or now < self._paused_at + PAUSED_AT_MOST_EVERY:
            return
        self._paused_at = now
        with suppress(sqlite3.Error, DeadlineExceeded):  # what was written before is committed, and the next write tries again
            async with readers.all_lent() if size >= TOO_LONG_BYTES else nullcontext():
                await call_to_write(writer, _begin_anew)


def _begin_anew(connection: sqlite3.Connection) -> None:
    (patience,) = connection.execute(PATIENCE).fetchone()
    connection.execute(f"{PATIENCE} = {PAUSE_MILLISECONDS}")
    try:
        connection.execute(BEGIN_ANEW).fetchone()
    finally:
        connection.execute(f"{PATIENCE} = {patience}")
