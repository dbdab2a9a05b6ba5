"""A database that answers and takes no writes: reading goes on, what would change something is refused whole, and readiness reports it."""

import asyncio
import resource
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from app.running.server import Server
from app.settings import Settings
from models.engine.database import Database
from models.errors import DatabaseNotWritable
from resolvers.operation.context import Context
from resolvers.records.imports import import_contacts
from tests.support.clock import DrivenClock
from tests.support.held_writes import connected
from tests.support.http_client import web_client
from tests.support.leaks import traces_in
from tests.support.processes import DEADLINE, new_token, serving

CREATE_TAG = 'mutation { createTag(input: {name: "Client"}) { tag { name } } }'
COUNT_TAGS = "{ tags { totalCount } }"
WRITE_PAGES = [{"fields": {"email": f"person{number}@example.com", "address": "x" * 500}} for number in range(200)]

# What PostgreSQL answers when the file system is full, raised by the database itself.
FILL_DISK = """
    CREATE FUNCTION fill_disk() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
    CREATE TRIGGER fill_disk BEFORE INSERT ON search_terms FOR EACH ROW EXECUTE FUNCTION fill_disk();
"""
FREE_DISK = "DROP TRIGGER fill_disk ON search_terms"
MAKE_READ_ONLY = """
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$
"""
MAKE_WRITABLE = """
    SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;
    DO $$ BEGIN EXECUTE format('ALTER DATABASE %I RESET default_transaction_read_only', current_database()); END $$
"""
Impaired = AbstractAsyncContextManager[None]


@asynccontextmanager
async def read_only(database: Database, url: str) -> AsyncIterator[None]:
    """Have the database refuse every write of new connections, as a standby does."""
    if database.engine == "sqlite":
        await database.rows("PRAGMA query_only = ON")
        yield
        await database.rows("PRAGMA query_only = OFF")
        return
    async with connected(url) as connection:
        await connection.execute(MAKE_READ_ONLY)
        await database.connection._expire_connections()  # type: ignore[attr-defined]  # the pool's, which then connects anew
        yield
        await connection.execute(MAKE_WRITABLE)
        await database.connection._expire_connections()  # type: ignore[attr-defined]


@asynccontextmanager
async def full(database: Database, url: str) -> AsyncIterator[None]:
    """Leave the database no room for what a large write needs."""
    if database.engine == "sqlite":
        (unlimited,) = await database.rows("PRAGMA max_page_count")
        await database.rows("PRAGMA max_page_count = 1")  # which means: no more than there are
        yield
        await database.rows(f"PRAGMA max_page_count = {unlimited['max_page_count']}")
        return
    async with connected(url) as connection:
        await connection.execute(FILL_DISK)
        yield
        await connection.execute(FREE_DISK)


@asynccontextmanager
async def server_with_token(url: str) -> AsyncIterator[tuple[httpx.AsyncClient, Server, dict[str, str]]]:
    """A whole server in this process, whose clock is not moved, and the headers of the owner of an account."""
    server = Server(Settings(database_url=url, clock_interval_seconds=60), DrivenClock())
    async with (
        asyncio.timeout(DEADLINE),
        server.running(),
        web_client(transport=httpx.ASGITransport(server.application), base_url="http://test") as client,
    ):
        secret = await create_token(await create_account(server.services, NewAccount("Acme", "owner@example.com")), "Tests")
        yield client, server, {"Authorization": f"Bearer {secret}"}


async def test_on_a_read_only_database_reading_goes_on_and_readiness_reports_it(url: str) -> None:
    async with server_with_token(url) as (client, server, headers):
        async with read_only(server.services.database, url):
            answer = await client.post("/graphql", json={"query": "{ viewer { role } tags { totalCount } }"}, headers=headers)
            assert (answer.status_code, answer.json()["data"]) == (200, {"viewer": {"role": "OWNER"}, "tags": {"totalCount": 0}})
            refused = await client.post("/graphql", json={"query": CREATE_TAG}, headers=headers)
            (error,) = refused.json()["errors"]
            assert (error["extensions"], "it is read-only" in error["message"]) == ({"code": "UNAVAILABLE"}, True)
            assert traces_in(refused.text) == []
            ready = await client.get("/readyz")
            assert (ready.status_code, ready.json()["checks"]["database"]) == (503, "ok")
            assert "it is read-only" in ready.json()["checks"]["writes"]
        created = await client.post("/graphql", json={"query": CREATE_TAG}, headers=headers)
        assert created.json()["data"] == {"createTag": {"tag": {"name": "Client"}}}


@pytest.mark.parametrize(("impair", "reason"), [(read_only, "it is read-only"), (full, "its disk is full")])
async def test_a_write_that_the_database_refuses_changes_nothing(
    context: Context, url: str, impair: Callable[[Database, str], Impaired], reason: str
) -> None:
    async with impair(context.services.database, url):
        with pytest.raises(DatabaseNotWritable, match=reason):
            await import_contacts(context, rows=WRITE_PAGES)
        assert await context.scope.contacts.count() == 0
    assert (await import_contacts(context, rows=WRITE_PAGES)).created == len(WRITE_PAGES)


@pytest.mark.only("sqlite")
async def test_while_a_write_waits_for_the_disk_reading_goes_on_and_readiness_reports_it(url: str) -> None:
    # A function in place of the disk: it blocks the thread of the connection that writes, as an fsync does.
    disk = threading.Event()
    async with server_with_token(url) as (client, server, headers):
        database = server.services.database
        async with database.connection.acquire_connection() as writer:
            await writer.create_function("disk", 0, lambda: disk.wait(DEADLINE))
            await writer.execute("CREATE TEMP TRIGGER slow AFTER INSERT ON tags BEGIN SELECT disk(); END")

        async def ask(query: str) -> Any:
            return (await client.post("/graphql", json={"query": query}, headers=headers)).json()["data"]

        try:
            assert await ask(COUNT_TAGS) == {"tags": {"totalCount": 0}}
            writing = asyncio.create_task(ask(CREATE_TAG))
            while not database.connection.pool.writers.lent:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0)
            ready = await client.get("/readyz")
            assert (ready.status_code, "has not completed a write" in ready.json()["checks"]["writes"]) == (503, True)
            assert await ask(COUNT_TAGS) == {"tags": {"totalCount": 0}}
            assert not writing.done()
        finally:
            disk.set()
        assert await writing == {"createTag": {"tag": {"name": "Client"}}}
        assert await ask(COUNT_TAGS) == {"tags": {"totalCount": 1}}


@pytest.mark.only("sqlite")
async def test_a_server_whose_file_cannot_grow_still_answers_what_is_read(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url) as server, web_client(headers={"Authorization": f"Bearer {token}"}) as client:
        everything = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, everything[1]))

        async def ask(query: str) -> dict[str, Any]:
            answer: dict[str, Any] = (await client.post(server.url, json={"query": query})).json()
            return answer

        assert (await ask("{ viewer { role } }"))["data"] == {"viewer": {"role": "OWNER"}}
        (error,) = (await ask(CREATE_TAG))["errors"]
        assert error["extensions"] == {"code": "UNAVAILABLE"}
        ready = await client.get(server.url.replace("/graphql", "/readyz"))
        assert (ready.status_code, "takes no writes" in ready.json()["checks"]["writes"]) == (503, True)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, everything)
        assert (await ask(CREATE_TAG))["data"] == {"createTag": {"tag": {"name": "Client"}}}
