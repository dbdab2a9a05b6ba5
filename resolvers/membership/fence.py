"""The fence between writers of records, who share it, and writers of definitions, who take it alone.

On PostgreSQL it is an advisory lock of the transaction; on SQLite the write lock, which every transaction holds
from its beginning, is fence enough.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.engine.database import KEEP_PLANS, Database

SPACE = 7_267_002

# A write looks rows up by key: to plan that anew each time takes longer than to do it. For criteria, it is the other way round.
SHARE = f"SELECT pg_advisory_xact_lock_shared({{space}}, {{key}}), {KEEP_PLANS}"
TAKE = "SELECT pg_advisory_xact_lock({space}, {key})"
KEPT = """
    SELECT DISTINCT CAST(objid AS bigint) AS key FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
    WHERE locktype = 'advisory' AND classid = CAST(:space AS oid) AND objsubid = 2 AND granted AND datname = current_database()
    ORDER BY key
"""


@asynccontextmanager
async def shared_fence(database: Database, account_id: int) -> AsyncIterator[None]:
    """A transaction that holds off changes of the account's definitions until it ends."""
    async with database.transaction(_for(SHARE, account_id)):
        yield


@asynccontextmanager
async def exclusive_fence(database: Database, account_id: int) -> AsyncIterator[None]:
    """A transaction that begins when the account's writers have finished, and holds off new ones until it ends."""
    async with database.transaction(_for(TAKE, account_id)):
        yield


async def wait_for_writers(database: Database) -> None:
    """Return once every write that is running now, in any account, has ended; later ones are not held off."""
    if database.engine == "sqlite":
        async with database.transaction():
            return
    for row in await database.rows(KEPT, space=SPACE):
        async with exclusive_fence(database, row["key"]):
            pass


def _for(lock: str, account_id: int) -> str:
    # Advisory keys are 32-bit in this form; accounts that collide merely wait for each other.
    return lock.format(space=SPACE, key=account_id % 2**31)
