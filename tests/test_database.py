"""The open database: transactions, cancellation, and what is said when it cannot be opened."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from tortoise.exceptions import IntegrityError

from app.running.services import open_services
from app.settings import Settings
from models.engine.database import Database, open_database
from models.errors import DatabaseUnreachable
from resolvers.membership.clock import start
from resolvers.membership.fence import SPACE, TAKE, shared_fence
from tests.support.clock import NOON
from tests.support.held_writes import connected, until_waiting

DEADLINE = 20.0
SETTLED = "SELECT settled FROM clock"
FENCES = "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"


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


@pytest.mark.only("postgresql")
async def test_a_write_that_is_cancelled_while_it_waits_for_the_fence_leaves_nothing_behind(url: str) -> None:
    async with asyncio.timeout(DEADLINE), open_database(url, pool_size=1) as database, connected(url) as other:
        async with other.transaction():
            await other.execute(TAKE.format(space=SPACE, key=1))
            task = asyncio.create_task(enter(database))
            await until_waiting(other, 1, task)
            task.cancel()
            assert isinstance(*await asyncio.gather(task, return_exceptions=True), asyncio.CancelledError)
        async with database.transaction():  # on its only connection
            assert await database.rows(FENCES) == []
        await enter(database)


async def enter(database: Database) -> None:
    async with shared_fence(database, 1):
        assert len(await database.rows(FENCES)) == 1


async def insert(database: Database, number: int) -> None:
    await database.rows("INSERT INTO clock (id, now, settled) VALUES (:id, 0, 0)", id=number)


async def insert_and_fail(database: Database) -> None:
    async with database.transaction():
        await insert(database, 2)
        async with database.transaction():
            await insert(database, 3)
        await insert(database, 3)


async def test_an_inner_transaction_that_fails_takes_only_its_own_work_along(database: Database) -> None:
    async with database.transaction():
        await insert(database, 1)
        with pytest.raises(IntegrityError):
            await insert_and_fail(database)
        async with database.transaction():
            await insert(database, 4)
    assert await database.rows("SELECT id FROM clock ORDER BY id") == [{"id": 1}, {"id": 4}]


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


async def test_several_questions_are_answered_like_single_ones(database: Database) -> None:
    texts = (
        "SELECT 9007199254740993 AS large, 'ß \"%\\' AS odd, CAST(NULL AS text) AS missing",
        "SELECT name FROM ROWS(:given AS given(name text)) WHERE name = ANY(:names AS text) ORDER BY name",
        "SELECT id FROM clock WHERE id = ANY(:ids)",
    )
    values = {"given": [{"name": name} for name in ("b", "a", "c")], "names": ["c", "b"], "ids": [1]}
    together = await database.answers(*texts, **values)
    assert together == [await database.rows(text, **values) for text in texts]
    assert together == [[{"large": 9007199254740993, "odd": 'ß "%\\', "missing": None}], [{"name": "b"}, {"name": "c"}], []]
    assert await database.answers() == []


async def test_statements_that_run_in_turn_see_each_other_and_fail_as_one(database: Database) -> None:
    insert = "INSERT INTO clock (id, now, settled) VALUES (:id, 0, 0) RETURNING id"
    assert await database.run(insert, "SELECT count(*) AS count FROM clock", id=1) == [[{"id": 1}], [{"count": 1}]]
    with pytest.raises(IntegrityError):
        async with database.transaction():
            await database.run("DELETE FROM clock", insert, insert, id=2)
    assert await database.rows("SELECT id FROM clock") == [{"id": 1}]


@pytest.mark.only("postgresql")
async def test_how_a_transaction_plans_is_its_own_affair(url: str) -> None:
    shown = "SELECT current_setting('plan_cache_mode') AS mode"
    async with open_database(url, pool_size=1) as database:
        before = await database.row(shown)
        async with shared_fence(database, 1):
            assert await database.row(shown) == {"mode": "force_generic_plan"}
            await database.plan_for_values()
            assert await database.row(shown) == {"mode": "force_custom_plan"}
        assert await database.row(shown) == before


@pytest.mark.only("sqlite")
@pytest.mark.parametrize(("chosen", "level"), [("normal", 1), ("full", 2)])
async def test_sqlite_waits_for_the_disk_at_each_commit_if_it_is_told_to(url: str, chosen: str, level: int) -> None:
    settings = Settings.model_validate({"database_url": url, "sqlite_synchronous": chosen})
    async with open_services(settings) as services, services.database.transaction():
        assert await services.database.row("PRAGMA synchronous") == {"synchronous": level}


def write_elsewhere(database: Database) -> int:
    """Let the clock's settled time grow through a connection of its own, which waits for nobody."""
    with closing(sqlite3.connect(str(database.path), timeout=0)) as other:
        other.execute("UPDATE clock SET settled = settled + 1")
        other.commit()
    return 1


@pytest.mark.only("sqlite")
async def test_answers_are_as_of_one_moment_whatever_another_process_writes(database: Database) -> None:
    await start(database, NOON)
    async with database.connection.lend(to_read=True) as reader:  # type: ignore[attr-defined]  # the next one who reads gets it again
        await reader.create_function("write_elsewhere", 0, partial(write_elsewhere, database))
    first, _, second = await database.answers(SETTLED, "SELECT write_elsewhere() AS done", SETTLED)
    assert first == second
    assert await database.rows(SETTLED) != first


@pytest.mark.only("sqlite")
async def test_a_snapshot_holds_up_no_writer_of_another_process(database: Database) -> None:
    await start(database, NOON)
    async with database.snapshot():
        first = await database.rows(SETTLED)
        write_elsewhere(database)
        assert await database.rows(SETTLED) == first
    assert await database.rows(SETTLED) != first
