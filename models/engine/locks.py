"""Locks on the file of a SQLite database. The operating system holds them, so a process that ends leaves none behind."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from models.engine.configuration import is_sqlite, sqlite_path
from models.errors import DatabaseInUse


@contextmanager
def alone_on(url: str) -> Iterator[None]:
    """Make sure that no other server serves this SQLite file. PostgreSQL takes any number of servers.

    A second server would notice the writes of the first only when it compares positions.
    """
    if not is_sqlite(url):
        yield
        return
    path = sqlite_path(url)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DatabaseInUse(f"Another Muster server already serves {path}. Stop it, or use PostgreSQL for several.") from None
        yield


@asynccontextmanager
async def in_turn(path: Path) -> AsyncIterator[None]:
    """Wait until no other process changes the schema of this database, and keep others from it."""
    with path.with_name(f"{path.name}.migrating.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
