"""Being impatient with the database: waiting for one's turn is never given up, however long it lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from models.engine.database import Database, open_database
from models.engine.fair_order import WorkKey
from models.engine.fair_queue import work_key
from models.engine.sqlite_client import SqliteDatabaseClient
from models.engine.sqlite_pool import READERS

DEADLINE = 20.0
PATIENCE = 0.05


async def answer(database: Database, asking: asyncio.Event) -> dict[str, int]:
    with database.answering_within(PATIENCE):
        asking.set()
        return await database.row("SELECT 1 AS one")


@asynccontextmanager
async def nothing_to_lend(database: Database) -> AsyncIterator[None]:
    """Borrow every connection that could answer a query."""
    async with AsyncExitStack() as borrowed:
        client = database.connection
        if isinstance(client, SqliteDatabaseClient):
            for account in range(READERS):  # one account alone would not get all of them
                work_key.set(WorkKey(account, 0))
                await borrowed.enter_async_context(client.lend(to_read=True))
        else:
            await borrowed.enter_async_context(database.transaction())  # on its only connection
        yield


async def test_who_waits_for_a_turn_is_not_given_up(url: str) -> None:
    async with asyncio.timeout(DEADLINE), open_database(url, pool_size=1) as database, asyncio.TaskGroup() as tasks:
        begin, asking = asyncio.Event(), asyncio.Event()

        async def ask() -> dict[str, int]:
            await begin.wait()
            return await answer(database, asking)

        waiting = tasks.create_task(ask())  # outside of the transaction, which the tasks of its inside belong to
        async with nothing_to_lend(database):
            begin.set()
            await asking.wait()
            assert not (await asyncio.wait([waiting], timeout=10 * PATIENCE))[0]
        assert await waiting == {"one": 1}
