"""One server to a SQLite file: a second would not hear of the first one's writes until it looked."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from models.database import sqlite_path
from models.errors import DatabaseInUse


@contextmanager
def alone_on(url: str) -> Iterator[None]:
    """Hold the SQLite file's server lock while the context is open; PostgreSQL takes any number of servers."""
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
