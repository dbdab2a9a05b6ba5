"""One process leads, however many ask at once, the lock is really held, and a frozen leader is replaced."""

import asyncio
import signal

import pytest

from models.engine.leadership import Leadership
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, Server, serving

MANY = 20
SILENT_SECONDS = 2.0


async def until_leading(leadership: Leadership) -> None:
    while not await leadership.held():  # noqa: ASYNC110  # PostgreSQL notifies nobody that a lock is free
        await asyncio.sleep(0)


async def until_another_leads(url: str) -> None:
    """A server takes the lead when it has begun to answer."""
    led_here = True
    while led_here:
        asking = Leadership(url, silent_seconds=DEADLINE)
        led_here = await asking.held()
        await asking.resign()


@pytest.mark.only("postgresql")
async def test_many_who_ask_at_once_hold_one_lock_that_nobody_else_gets(url: str) -> None:
    leader, other = Leadership(url), Leadership(url)
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.gather(*(leader.held() for _ in range(MANY))) == [True] * MANY
        assert not await other.held()
        await leader.resign()
        await until_leading(other)
        await other.resign()


@pytest.mark.only("postgresql")
async def test_a_silent_leader_is_replaced_and_notices_it(url: str) -> None:
    leader, patient, other = Leadership(url), Leadership(url), Leadership(url, silent_seconds=0)
    async with asyncio.timeout(DEADLINE):
        assert await leader.held()
        assert not await patient.held()
        await until_leading(other)
        while await leader.held():  # noqa: ASYNC110  # it beats once a second
            await asyncio.sleep(0)
        assert await other.held()
        for each in (leader, patient, other):
            await each.resign()


async def is_ready(server: Server) -> bool:
    async with web_client() as client:
        return (await client.get(server.url.replace("graphql", "readyz"))).status_code == 200


@pytest.mark.only("postgresql")
async def test_a_frozen_leader_is_replaced_and_goes_on_as_one_of_many(url: str) -> None:
    other = Leadership(url, silent_seconds=SILENT_SECONDS)
    async with asyncio.timeout(DEADLINE), serving(url) as server:
        await until_another_leads(url)
        server.process.send_signal(signal.SIGSTOP)
        await until_leading(other)
        server.process.send_signal(signal.SIGCONT)
        assert await is_ready(server)
        assert await other.held()
        await other.resign()
        assert await server.stop() == 0
