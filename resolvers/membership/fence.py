"""The fence of an account: a lock that writes of records share, and that writes of definitions hold exclusively.

On PostgreSQL it is an advisory lock of the transaction. On SQLite a transaction that writes is alone from its beginning.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.engine.database import KEEP_PLANS, Database

SPACE = 7_267_002  # the class of these advisory locks

# A write looks up rows by key, which takes less time than planning each statement again. For criteria it is the other way round.
SHARE = f"SELECT pg_advisory_xact_lock_shared({{space}}, {{key}}), {KEEP_PLANS}"
TAKE = "SELECT pg_advisory_xact_lock({space}, {key})"
HELD = """
    SELECT DISTINCT CAST(objid AS bigint) AS key FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = CAST(:space AS oid) AND objsubid = 2 AND granted AND datname = current_database()
    ORDER BY key
"""


@asynccontextmanager
async def shared_fence(database: Database, account_id: int) -> AsyncIterator[None]:
    """A transaction during which the account's definitions do not change."""
    async with database.transaction(_for(SHARE, account_id)):
        yield


@asynccontextmanager
async def exclusive_fence(database: Database, account_id: int) -> AsyncIterator[None]:
    """A transaction that waits for the account's running writes, and holds off others until it ends."""
    async with database.transaction(_for(TAKE, account_id)):
        yield


async def wait_for_writers(database: Database) -> None:
    """Return when every write that is running now, in any account, has ended. Later writes are not held off."""
    if database.engine == "sqlite":
        async with database.transaction():
            return
    for row in await database.rows(HELD, space=SPACE):
        async with exclusive_fence(database, row["key"]):
            pass


def _for(lock: str, account_id: int) -> str:
    # Advisory keys have 32 bits in this form. Accounts whose keys collide merely wait for each other.
    return lock.format(space=SPACE, key=account_id % 2**31)
