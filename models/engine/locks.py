"""Locks on the file of a SQLite database, held by the operating system and so never left behind."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from models.engine.database import sqlite_path
from models.errors import DatabaseInUse


@contextmanager
def alone_on(url: str) -> Iterator[None]:
    """Be the only server of this database if it is a SQLite file; PostgreSQL takes any number of them.

    A second server would not hear of the first one's writes until it looked.
    """
    if not url.startswith("sqlite:"):
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
    """Wait until nobody else works on this database's schema, and keep others waiting."""
    with path.with_name(f"{path.name}.migrating.lock").open("w") as lock:
        await asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX)
        yield
