"""Deadlines and cancellation at the database: a statement ends there when its request does, and its connection serves the next."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from models.engine import sqlite_journal
from models.engine.database import Database, open_database
from models.engine.deadlines import deadline_in
from models.engine.sqlite_pool import READERS
from models.errors import DeadlineExceeded
from tests.support.held_writes import connected

DEADLINE = 30.0
SOON = 0.2  # seconds
LATER = 3600.0

LONG = {
    "sqlite": "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number) SELECT count(*) AS one FROM number",
    "postgresql": "SELECT pg_sleep(3600), 1 AS one",
}
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND state = 'active' AND pid <> pg_backend_pid()"
TIMEOUT = "SELECT CAST(setting AS int) AS milliseconds FROM pg_settings WHERE name = 'statement_timeout'"
INSERT = "INSERT INTO clock (id, now, settled) VALUES (:id, 0, 0)"
IDS = "SELECT id FROM clock ORDER BY id"
WHILE = """
    INSERT INTO clock (id, now, settled) SELECT 1, count(*), 0 FROM
    (WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000000) SELECT n FROM number)
"""

SHORT = """
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000)
    SELECT count(*) AS one FROM number, (SELECT id FROM clock LIMIT 1)
"""
FILL = """
    INSERT INTO clock (id, now, settled) SELECT (SELECT coalesce(max(id), 0) FROM clock) + n, 0, 0 FROM
    (WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 3000) SELECT n FROM number)
"""

SLOW_COMMIT = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NEW; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON clock DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
"""


async def until_running(url: str, count: int) -> None:
    """Wait until so many long statements run on PostgreSQL."""
    async with connected(url) as connection:
        while await connection.fetchval(RUNNING) != count:
            pass


@asynccontextmanager
async def narrow(url: str) -> AsyncIterator[Database]:
    """The database with as few connections as there may be."""
    async with asyncio.timeout(DEADLINE), open_database(url, pool_size=1) as database:
        yield database


async def in_transaction(database: Database) -> None:
    async with database.transaction():
        await database.rows(INSERT, id=1)
        await database.rows(LONG[database.engine])


async def test_a_statement_is_cancelled_at_the_deadline_and_says_what_to_do(url: str) -> None:
    async with narrow(url) as database:
        for _ in range(2 * READERS):
            with deadline_in(SOON), pytest.raises(DeadlineExceeded, match=r"longer than 0\.2 seconds and was cancelled: narrow"):
                await database.rows(LONG[database.engine])
        if database.engine == "postgresql":
            await until_running(url, 0)
        assert database.pool().used == 0
        assert await database.row("SELECT 1 AS one") == {"one": 1}


async def test_reading_in_a_transaction_is_cancelled_at_the_deadline_and_the_transaction_undone(url: str) -> None:
    async with narrow(url) as database:
        with deadline_in(SOON), pytest.raises(DeadlineExceeded):
            await in_transaction(database)
        assert await database.rows(IDS) == []
        async with database.transaction():
            await database.rows(INSERT, id=2)
        assert await database.rows(IDS) == [{"id": 2}]


async def test_answers_of_one_moment_and_snapshots_have_the_deadline_too(url: str) -> None:
    async with narrow(url) as database:
        with deadline_in(SOON), pytest.raises(DeadlineExceeded):
            await database.answers("SELECT 1 AS one", LONG[database.engine])
        with deadline_in(SOON), pytest.raises(DeadlineExceeded):
            async with database.snapshot():
                await database.rows(LONG[database.engine])
        assert await database.answers("SELECT 1 AS one", "SELECT 2 AS two") == [[{"one": 1}], [{"two": 2}]]


async def test_who_waits_for_a_connection_waits_until_the_deadline_only(url: str) -> None:
    async with narrow(url) as database:
        outside = asyncio.Event()

        async def write() -> None:
            await outside.wait()
            with deadline_in(SOON), pytest.raises(DeadlineExceeded):
                async with database.transaction():
                    raise AssertionError("it was lent twice")

        waiting = asyncio.create_task(write())
        async with database.transaction():
            outside.set()
            await waiting


async def test_an_earlier_deadline_stays_in_force_and_none_is_left_behind(url: str) -> None:
    async with narrow(url) as database:
        with deadline_in(SOON), deadline_in(LATER), deadline_in(None), pytest.raises(DeadlineExceeded):
            await database.rows(LONG[database.engine])
        with deadline_in(-1), pytest.raises(DeadlineExceeded):
            await database.rows("SELECT 1 AS one")
        assert await database.row("SELECT 1 AS one") == {"one": 1}


@pytest.mark.parametrize("in_a_transaction", [False, True])
async def test_what_a_cancelled_task_was_reading_ends_at_the_database(url: str, in_a_transaction: bool) -> None:
    async with narrow(url) as database:
        for _ in range(2 * READERS):
            work = in_transaction(database) if in_a_transaction else database.rows(LONG[database.engine])
            asking = asyncio.ensure_future(work)
            if database.engine == "postgresql":
                await until_running(url, 1)
            else:
                await asyncio.wait([asking], timeout=0.01)
            asking.cancel()
            await asyncio.wait([asking])
            assert asking.cancelled()
            if database.engine == "postgresql":
                await until_running(url, 0)
        assert database.pool().used == 0
        async with database.transaction():
            assert await database.row("SELECT 1 AS one") == {"one": 1}


@pytest.mark.only("sqlite")
async def test_a_write_in_a_transaction_is_not_interrupted_and_the_next_statement_is_refused(url: str) -> None:
    async with narrow(url) as database:
        with deadline_in(LATER):
            async with database.transaction():
                await database.rows(INSERT, id=2)
                writing = asyncio.create_task(database.run(WHILE))
                await asyncio.wait([writing], timeout=0.01)
                assert not writing.done()
                writing.cancel()
                await asyncio.wait([writing])
                assert await database.rows(IDS) == [{"id": 1}, {"id": 2}]
                with deadline_in(-1), pytest.raises(DeadlineExceeded):
                    await database.rows(INSERT, id=3)
        assert await database.rows(IDS) == [{"id": 1}, {"id": 2}]


@pytest.mark.only("sqlite")
async def test_reading_waits_for_no_transaction_and_sees_all_that_is_committed(url: str) -> None:
    async with narrow(url) as database:
        begun, end = asyncio.Event(), asyncio.Event()

        async def write(number: int) -> None:
            async with database.transaction():
                await database.rows(INSERT, id=number)
                begun.set()
                await end.wait()

        for number in range(1, 20):
            begun.clear()
            end.clear()
            writing = asyncio.create_task(write(number))
            await begun.wait()
            assert len(await database.rows(IDS)) == number - 1
            end.set()
            await writing
            assert len(await database.rows(IDS)) == number


@pytest.mark.only("sqlite")
async def test_what_reads_outside_of_a_transaction_cannot_write(url: str) -> None:
    async with narrow(url) as database, database.connection.lend(to_read=True) as reader:  # type: ignore[attr-defined]
        with pytest.raises(Exception, match="readonly"):
            await reader.execute("DELETE FROM clock")


@pytest.mark.only("postgresql")
async def test_the_server_ends_a_statement_of_a_transaction_too_if_this_process_cannot(url: str) -> None:
    async with narrow(url) as database:
        with deadline_in(LATER):
            async with database.transaction():
                assert 3_600_000 < (await database.row(TIMEOUT))["milliseconds"] <= 3_601_000
            async with database.snapshot():
                assert 3_600_000 < (await database.row(TIMEOUT))["milliseconds"] <= 3_601_000
        async with database.transaction():
            assert await database.row(TIMEOUT) == {"milliseconds": 0}
        assert await database.row(TIMEOUT) == {"milliseconds": 0}


@pytest.mark.only("postgresql")
async def test_once_commit_is_sent_its_answer_is_awaited(url: str) -> None:
    async with narrow(url) as database, connected(url) as other:
        await other.execute(SLOW_COMMIT)

        async def write() -> None:
            async with database.transaction():
                await database.rows(INSERT, id=1)

        writing = asyncio.create_task(write())
        while await other.fetchval("SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active'") == 0:
            pass
        writing.cancel()
        await asyncio.wait([writing])
        assert writing.cancelled()
        assert await database.rows(IDS) == [{"id": 1}]


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("bound", ["LONG_BYTES", "TOO_LONG_BYTES"])
async def test_the_journal_begins_anew_though_there_is_always_somebody_who_reads(
    url: str, bound: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_journal, "LONG_BYTES", 2**20)
    monkeypatch.setattr(sqlite_journal, bound, 2**20)
    monkeypatch.setattr(sqlite_journal, "PAUSED_AT_MOST_EVERY", 0)
    async with narrow(url) as database, asyncio.TaskGroup() as tasks:
        journal = Path(f"{database.path}-wal")
        ended, sizes = asyncio.Event(), list[int]()

        async def read() -> None:
            while not ended.is_set():
                await database.rows(SHORT)

        readers = [tasks.create_task(read()) for _ in range(2 * READERS)]
        while len(sizes) < 2 or sizes[-1] >= sizes[-2]:
            await database.rows(FILL)
            sizes.append(journal.stat().st_size)
        ended.set()
        await asyncio.wait(readers)
