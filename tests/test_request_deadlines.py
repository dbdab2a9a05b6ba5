"""Requests that wait for the database: they end at their deadline, and with their client, and nothing of them is left there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from app.running.server import Server
from app.settings import Settings
from models.engine.database import Database
from tests.support.clock import DrivenClock
from tests.support.held_writes import WAITING, connected
from tests.support.http_client import web_client

DEADLINE = 30.0
SOON, LATER = 0.3, 600.0
CREATE_TAG = 'mutation { createTag(input: {name: "Client"}) { tag { name } userErrors { message } } }'
COUNT_TAGS = "{ tags { totalCount } }"
TAGS_OF_CONTACTS = "{ contacts { nodes { tags { name } } } }"
CREATE_CONTACT = 'mutation { createContact(input: {fields: {email: "ada@example.com"}}) { contact { email } } }'


class Client:
    """A client of a whole server in this process, with the token of an account's owner."""

    def __init__(self, server: Server, client: httpx.AsyncClient, secret: str) -> None:
        self.server = server
        self._client = client
        self._authorization = f"Bearer {secret}"

    @property
    def database(self) -> Database:
        return self.server.services.database

    async def ask(self, query: str) -> dict[str, Any]:
        response = await self._client.post("/graphql", json={"query": query}, headers={"Authorization": self._authorization})
        answer: dict[str, Any] = response.json()
        return answer

    async def ask_and_hang_up(self, query: str, leaving: asyncio.Event) -> None:
        """Send a request, and disconnect at this event. Returns when the server has ended its work for it."""
        headers = [(b"authorization", self._authorization.encode()), (b"content-type", b"application/json")]
        scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers, "client": ("here", 1)}
        messages = [{"type": "http.request", "body": orjson.dumps({"query": query}), "more_body": False}]

        async def receive() -> Any:
            if messages:
                return messages.pop()
            await leaving.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            raise AssertionError(f"answered with {message}")

        await self.server.application(scope, receive, send)


@asynccontextmanager
async def client_of(url: str, seconds: float) -> AsyncIterator[Client]:
    """A client of a server with this deadline, whose clock is not moved."""
    server = Server(Settings(database_url=url, clock_interval_seconds=60, request_deadline_seconds=seconds), DrivenClock())
    async with (
        asyncio.timeout(DEADLINE),
        server.running(),
        web_client(transport=httpx.ASGITransport(server.application), base_url="http://test") as client,
    ):
        secret = await create_token(await create_account(server.services, NewAccount("Acme", "owner@example.com")), "Tests")
        yield Client(server, client, secret)


@asynccontextmanager
async def locked(database: Database, url: str, table: str) -> AsyncIterator[Any]:
    """Keep everybody from writing to a table, and on PostgreSQL from reading it. Yields the connection there."""
    if database.engine == "sqlite":
        async with database.connection.acquire_connection():
            yield None
        return
    async with connected(url) as connection, connection.transaction():
        await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield connection


async def until_waiting(database: Database, connection: Any, count: int) -> None:
    """Wait until so many requests wait at the lock."""
    while (await connection.fetchval(WAITING) if connection else database.connection.pool.writers.waiting) != count:  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0)


async def test_a_mutation_that_must_wait_is_answered_at_the_deadline_and_changes_nothing(url: str) -> None:
    async with client_of(url, SOON) as client:
        await client.ask(COUNT_TAGS)
        async with locked(client.database, url, "tags") as connection:
            answer = await client.ask(CREATE_TAG)
            await until_waiting(client.database, connection, 0)
        (error,) = answer["errors"]
        assert (error["path"], error["extensions"]) == (["createTag"], {"code": "DEADLINE_EXCEEDED"})
        assert error["message"].startswith("The operation took longer than 0.3 seconds and was cancelled: narrow the criteria")
        assert (await client.ask(COUNT_TAGS))["data"] == {"tags": {"totalCount": 0}}
        assert (await client.ask(CREATE_TAG))["data"]["createTag"]["tag"] == {"name": "Client"}


@pytest.mark.only("sqlite")
async def test_signing_in_and_reading_wait_for_no_write_on_sqlite(url: str) -> None:
    async with client_of(url, DEADLINE) as client, locked(client.database, url, "tags"):
        assert (await client.ask(COUNT_TAGS))["data"] == {"tags": {"totalCount": 0}}


async def test_a_mutation_ends_with_its_client(url: str) -> None:
    async with client_of(url, LATER) as client:
        await client.ask(COUNT_TAGS)
        async with locked(client.database, url, "tags") as connection:
            leaving = asyncio.Event()
            asking = asyncio.create_task(client.ask_and_hang_up(CREATE_TAG, leaving))
            await until_waiting(client.database, connection, 1)
            leaving.set()
            await asking
            await until_waiting(client.database, connection, 0)
        assert (await client.ask(COUNT_TAGS))["data"] == {"tags": {"totalCount": 0}}


@pytest.mark.only("postgresql")
async def test_what_is_read_for_many_nodes_together_ends_with_the_client(url: str) -> None:
    async with client_of(url, LATER) as client:
        assert (await client.ask(CREATE_CONTACT))["data"] == {"createContact": {"contact": {"email": "ada@example.com"}}}
        async with locked(client.database, url, "taggings") as connection:
            leaving = asyncio.Event()
            asking = asyncio.create_task(client.ask_and_hang_up(TAGS_OF_CONTACTS, leaving))
            await until_waiting(client.database, connection, 1)
            leaving.set()
            await asking
            await until_waiting(client.database, connection, 0)
