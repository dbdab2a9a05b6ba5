"""What the ORM and the drivers are told about the database at a URL: how to reach it, and how its connections behave."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from models.engine.asyncpg_connection import CONNECT_SECONDS, enable_keepalive
from models.errors import Unavailable

CONNECTION = "default"
APP = "models"
MODULES = ["models.people", "models.records", "models.custom_fields", "models.groups", "models.bulk", "models.audit"]
SQLITE_ENGINE = "models.engine.sqlite_client"
POSTGRESQL_ENGINE = "models.engine.asyncpg_client"
POOL_SIZE = 10

SQLITE_PREFIX = "sqlite:///"
POSTGRESQL_PREFIX = "postgresql://"
OLDEST_SQLITE = (3, 35)
SQLITE_BUSY_MILLISECONDS = 10_000
SQLITE_CACHE_KIBIBYTES = 16_384  # the default of two megabytes is less than the pages of a few hundred scattered contacts
SQLITE_CHECKPOINT_PAGES = 8_192  # 32 megabytes: by default each chunk of a bulk action would wait for the disk
SQLITE_JOURNAL_BYTES = 2**26  # with the ORM's 16 kB each larger write would cut the file and let it grow again
SQLITE_SYNCHRONOUS = "normal"  # commits do not wait for the disk: a power failure may undo the last ones, each as a whole
APPLICATION_NAME = "muster"
# The URL may set each of them otherwise.
POSTGRESQL_SETTINGS = {
    # One plan for all values is a poor one for a rare tag, and the server cannot know which tag it will get.
    "plan_cache_mode": "force_custom_plan",
    # The transaction of a process that has stopped ends, and its locks with it, while those who wait for them have time left.
    "idle_in_transaction_session_timeout": "20s",
    # Longer than the longest write that holds off an account, so that work in the background waits for it.
    "lock_timeout": "120s",
}


class TableSet(NamedTuple):
    """Models with the migrations that create their tables, which the database records under the name of the set."""

    name: str
    modules: Sequence[str]
    migrations: str


TABLES = TableSet(APP, MODULES, "models.migrations")


def is_sqlite(url: str) -> bool:
    """Whether a URL names a SQLite file."""
    return url.startswith("sqlite:")


def sqlite_path(url: str) -> Path:
    """The file that `sqlite:///relative.db` or `sqlite:////absolute.db` names."""
    return Path(unquote(url.removeprefix(SQLITE_PREFIX)))


def configuration(url: str, pool_size: int, synchronous: str, table_sets: Sequence[TableSet]) -> dict[str, Any]:
    """The ORM's configuration for the database at this URL."""
    if url.startswith(SQLITE_PREFIX):
        connection = {"engine": SQLITE_ENGINE, "credentials": _sqlite_credentials(url, synchronous)}
    elif url.startswith(POSTGRESQL_PREFIX):
        connection = {"engine": POSTGRESQL_ENGINE, "credentials": _postgresql_credentials(url, pool_size)}
    else:
        raise Unavailable(f"The database URL must begin with {SQLITE_PREFIX} or {POSTGRESQL_PREFIX}.")
    apps = {each.name: {"models": [*each.modules], "default_connection": CONNECTION, "migrations": each.migrations} for each in table_sets}
    return {"connections": {CONNECTION: connection}, "apps": apps}


def _sqlite_credentials(url: str, synchronous: str) -> dict[str, Any]:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old; Muster needs {'.'.join(map(str, OLDEST_SQLITE))} or newer.")
    return {
        "file_path": str(sqlite_path(url)),
        "journal_mode": "WAL",
        "synchronous": synchronous,
        "busy_timeout": SQLITE_BUSY_MILLISECONDS,
        "foreign_keys": "ON",
        "cache_size": -SQLITE_CACHE_KIBIBYTES,
        "journal_size_limit": SQLITE_JOURNAL_BYTES,
        "wal_autocheckpoint": SQLITE_CHECKPOINT_PAGES,
    }


def _postgresql_credentials(url: str, pool_size: int) -> dict[str, Any]:
    return {
        "dsn": url,
        "minsize": 1,
        "maxsize": pool_size,
        "application_name": APPLICATION_NAME,
        "reset": _leave_as_is,
        "init": enable_keepalive,
        "timeout": CONNECT_SECONDS,
        "server_settings": {name: value for name, value in POSTGRESQL_SETTINGS.items() if name not in parse_qs(urlsplit(url).query)},
    }


async def _leave_as_is(_connection: object) -> None:
    """Save a round trip each time a connection returns to the pool: no statement changes a session beyond its transaction."""
