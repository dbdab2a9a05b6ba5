"""PostgreSQL sessions that hold locks and have stopped, such as those of a frozen process: nobody waits for them for good."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from models.engine.configuration import POSTGRESQL_SETTINGS
from models.engine.database import Database, open_database
from models.errors import Conflict
from resolvers.membership.fence import exclusive_fence
from tests.support.held_writes import connected
from tests.support.programs import ROOT

DEADLINE = 30.0

pytestmark = pytest.mark.only("postgresql")

HOLDER = """
import asyncio, sys
from models.engine.database import UNREACHABLE, open_database
from resolvers.membership.fence import exclusive_fence

async def hold(url):
    async with open_database(url) as database:
        try:
            async with exclusive_fence(database, 1):
                await database.rows("INSERT INTO clock (id, now, settled) VALUES (1, 0, 0)")
                print("holds", flush=True)
                sys.stdin.readline()
        except UNREACHABLE:
            print("lost", flush=True)

asyncio.run(hold(sys.argv[1]))
"""
SHOWN = "SELECT current_setting(:name) AS given"
IDS = "SELECT id FROM clock"


@asynccontextmanager
async def frozen_holder(url: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that is stopped within a write on account 1."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, url, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        assert await process.stdout.readline() == b"holds\n"
        process.send_signal(signal.SIGSTOP)
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_the_write_of_a_frozen_process_ends_and_others_proceed(url: str) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        open_database(url) as database,
        frozen_holder(f"{url}{'&' if '?' in url else '?'}idle_in_transaction_session_timeout=1s") as process,
    ):
        async with exclusive_fence(database, 1):
            assert await database.rows(IDS) == []
        process.send_signal(signal.SIGCONT)
        output, _ = await process.communicate(b"go on\n")
        assert output == b"lost\n"
        assert await database.rows(IDS) == []


async def test_who_waits_for_a_lock_for_too_long_is_refused_by_name(url: str) -> None:
    async with (
        asyncio.timeout(DEADLINE),
        open_database(f"{url}{'&' if '?' in url else '?'}lock_timeout=100ms") as database,
        connected(url) as other,
        other.transaction(),
    ):
        await other.execute("LOCK TABLE clock IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Conflict, match="busy with another write for too long"):
            await write(database)


async def write(database: Database) -> None:
    async with database.transaction():
        await database.rows("INSERT INTO clock (id, now, settled) VALUES (1, 0, 0)")


async def test_the_timeouts_of_a_session_are_those_of_the_settings_unless_the_url_says_otherwise(url: str) -> None:
    async with asyncio.timeout(DEADLINE), open_database(url) as database:
        assert {name: (await database.row(SHOWN, name=name))["given"] for name in POSTGRESQL_SETTINGS} == {
            "plan_cache_mode": "force_custom_plan",
            "idle_in_transaction_session_timeout": "20s",
            "lock_timeout": "2min",
        }
