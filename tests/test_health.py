"""Probes: whether a server should be sent requests, said without asking the database too often."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from structlog.testing import capture_logs

from app.health.readiness import Readiness
from app.running.server import Server
from app.settings import Settings
from models.engine.database import Database
from resolvers.grouping.groups import create_group
from subscriptions.wakeups.wakeup import Wakeup
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE
from tests.support.services import running_services

NEWER = "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2099-01-01')"
MONTH = 31 * 24
EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}


@asynccontextmanager
async def probed(url: str, clock: DrivenClock) -> AsyncIterator[tuple[httpx.AsyncClient, Server]]:
    """A whole server in this process, whose clock is not moved."""
    server = Server(Settings(database_url=url, clock_interval_seconds=60), clock)
    async with (
        asyncio.timeout(DEADLINE),
        server.running(),
        web_client(transport=httpx.ASGITransport(server.application), base_url="http://test") as client,
    ):
        yield client, server


async def readiness(client: httpx.AsyncClient) -> tuple[int, dict[str, str]]:
    response = await client.get("/readyz")
    assert response.headers["cache-control"] == "no-store"
    answer = response.json()
    assert answer["ready"] == (response.status_code == 200)
    return response.status_code, answer["checks"]


async def test_a_server_is_ready_until_it_stops_and_alive_to_its_end(url: str) -> None:
    async with probed(url, DrivenClock()) as (client, server):
        assert await readiness(client) == (200, {"database": "ok", "schema": "ok", "writes": "ok", "clock": "ok"})
        server.drain()
        assert await readiness(client) == (503, {"server": "The server is stopping."})
        assert (await client.get("/healthz")).status_code == 200


async def test_a_server_on_another_schema_is_not_ready(url: str) -> None:
    async with probed(url, DrivenClock()) as (client, server):
        await server.services.database.rows(NEWER)
        status, checks = await readiness(client)
        assert (status, checks["database"]) == (503, "ok")
        assert "newer Muster (9999_later)" in checks["schema"]


async def test_a_server_whose_clock_stands_still_is_not_ready(database: Database) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        assert (await Readiness(lambda: services, 60).verdict()).is_ready
        clock.pass_(hours=MONTH)
        verdict = await Readiness(lambda: services, 60).verdict()
        assert [name for name, found in verdict.checks.items() if found] == ["clock"]


async def test_a_failing_database_is_said_in_our_own_words(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        await database.rows("ALTER TABLE clock RENAME TO watch")
        verdict = await Readiness(lambda: services, 60).verdict()
        assert verdict.checks == {"database": None, "schema": None, "writes": None, "clock": "The database does not answer."}


async def test_many_who_ask_at_once_are_one_look(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        asked = Readiness(lambda: services, 60)
        verdicts = await asyncio.gather(*(asked.verdict() for _ in range(50)))
        assert len({id(verdict) for verdict in verdicts}) == 1


async def test_the_hub_is_behind_for_as_long_as_it_cannot_read(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await new_account(services)
        group = await create_group(context, name="Everybody", criteria=EVERYBODY)
        with services.hub.groups.watching(group.id, Wakeup()), capture_logs():
            assert services.hub.groups.watchers == 1
            await database.rows("ALTER TABLE groups RENAME TO bands")
            while not services.hub.groups.lag():  # noqa: ASYNC110  # the hub looks again and again
                await asyncio.sleep(0)
            await database.rows("ALTER TABLE bands RENAME TO groups")
            while services.hub.groups.lag():  # noqa: ASYNC110
                await asyncio.sleep(0)
        assert services.hub.groups.watchers == 0


async def test_nothing_but_its_addresses_is_answered_and_nobody_is_led_elsewhere(url: str) -> None:
    async with probed(url, DrivenClock()) as (client, _server):
        for path in ("/graphql/", "/", "/metrics", "/healthz/"):
            response = await client.post(path, headers={"Authorization": "Bearer secret"})
            assert (response.status_code, "location" in response.headers) == (404, False)
