"""The open database: transactions, cancellation, and what is said when it cannot be opened."""

import asyncio
from pathlib import Path

import pytest

from models.database import Database, open_database
from models.errors import DatabaseUnreachable

DEADLINE = 20.0


async def hold(database: Database, ready: asyncio.Event) -> None:
    async with database.transaction():
        await database.rows("SELECT 1 AS one")
        ready.set()
        await asyncio.Event().wait()


async def test_a_cancelled_transaction_gives_its_connection_back(url: str) -> None:
    async with open_database(url, pool_size=2) as database:
        for turns in range(60):
            task = asyncio.create_task(hold(database, asyncio.Event()))
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(DEADLINE):
            for _ in range(5):
                async with database.transaction():
                    assert await database.row("SELECT 1 AS one") == {"one": 1}


async def test_a_cancelled_transaction_is_rolled_back(database: Database) -> None:
    ready = asyncio.Event()

    async def insert() -> None:
        async with database.transaction():
            await database.rows("INSERT INTO clock (id, now, settled) VALUES (1, 0, 0)")
            ready.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(DEADLINE):
        task = asyncio.create_task(insert())
        await ready.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await database.rows("SELECT id FROM clock") == []


@pytest.mark.only("sqlite")
async def test_a_file_that_cannot_be_opened_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatabaseUnreachable, match="Check MUSTER_DATABASE_URL"):
        async with open_database(f"sqlite:///{tmp_path}"):
            pass


@pytest.mark.only("postgresql")
async def test_a_server_that_does_not_answer_is_said_in_a_sentence() -> None:
    with pytest.raises(DatabaseUnreachable, match="Check MUSTER_DATABASE_URL"):
        async with open_database("postgresql://nobody@127.0.0.1:1/nothing"):
            pass
