"""A PostgreSQL server that vanishes without a word, as behind a firewall that forgets connections: nobody waits for it for good."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sized
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from models.engine.database import Database, open_database
from models.engine.leadership import Leadership
from resolvers.operation.context import Context
from resolvers.tagging.taggings import add_tags
from subscriptions.bus import LocalBus
from subscriptions.contacts.watched import WatchedContacts
from subscriptions.hub import Hub
from subscriptions.messages import Heartbeat, MembersChanged, Message
from subscriptions.progress import WatchedActions
from subscriptions.stream import Stream
from subscriptions.topics import Topics
from subscriptions.viewer import Viewer
from subscriptions.wakeups.wakeup import Wakeup, WakeupQueue
from tests.support.bus import Tunnel
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.postgresql_url import server_address
from tests.support.services import running_services
from tests.support.tagged_groups import people, tagged_groups

DEADLINE = 20.0
PATIENCE = 0.2
OFTEN = 0.02
LONG = "SELECT pg_sleep(3600)"
RUNNING = "SELECT count(*) AS running FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)' AND datname = current_database()"

pytestmark = pytest.mark.only("postgresql")


@pytest.fixture
async def tunnel(url: str) -> Tunnel:
    address = server_address(url)
    return Tunnel(f"{address.host}/.s.PGSQL.{address.port}" if address.host.startswith("/") else address.port)


@pytest.fixture
async def distant_url(tunnel: Tunnel, url: str) -> AsyncIterator[str]:
    """How the database is reached through the tunnel."""
    async with tunnel.open() as port:
        yield server_address(url).through(port)


@pytest.fixture
async def distant(tunnel: Tunnel, distant_url: str) -> AsyncIterator[Database]:
    """The database at the other end of the tunnel."""
    async with open_database(distant_url) as database:
        yield database
        tunnel.collapse()  # or the pool would wait for the connections that are forgotten


@pytest.fixture
async def owner(distant: Database) -> AsyncIterator[Context]:
    async with running_services(distant, DrivenClock()) as services:
        yield await new_account(services)


@asynccontextmanager
async def impatient_hub(database: Database) -> AsyncIterator[Hub]:
    hub = Hub(database, LocalBus(), compare_seconds=OFTEN, answer_seconds=PATIENCE)
    async with hub.running():
        yield hub


@asynccontextmanager
async def following(hub: Hub, context: Context, heartbeat_seconds: float) -> AsyncIterator["asyncio.Queue[Message]"]:
    """What a watcher of a group of clients hears after the heartbeat with which it begins."""
    (group,) = await tagged_groups(context, "Client", 1)
    wait = asyncio.Queue[Message]()

    async def follow() -> None:
        viewer = Viewer(context.caller.account_id, context.caller.people)
        async for message in Stream(hub.groups, viewer, group.id, None, heartbeat_seconds):
            wait.put_nowait(message)

    task = asyncio.create_task(follow())
    assert isinstance(await wait.get(), Heartbeat)
    yield wait
    task.cancel()


async def lines(logs: Sized, count: int) -> None:
    """Wait until so many lines are logged."""
    while len(logs) < count:  # noqa: ASYNC110  # logging has no event for it
        await asyncio.sleep(0)


async def until_statement(database: Database, task: "asyncio.Task[Any]") -> None:
    """Wait until the statement that takes long runs at the server."""
    while not task.done() and not (await database.row(RUNNING))["running"]:
        pass


async def test_a_watcher_hears_of_what_happens_after_its_connection_has_vanished(tunnel: Tunnel, distant: Database, owner: Context) -> None:
    contact, *_ = await people(owner, 1)
    async with asyncio.timeout(DEADLINE), impatient_hub(distant) as hub, following(hub, owner, 3600) as wait:
        with capture_logs() as logs:
            tunnel.forget()
            await lines(logs, 1)
        assert logs[0]["reason"] == "no answer within 0.2 seconds"
        await add_tags(owner, contact_ids=[contact], tags=[{"name": "Client"}])
        assert isinstance(await wait.get(), MembersChanged)


async def test_nobody_is_told_to_be_current_while_the_log_cannot_be_looked_at(tunnel: Tunnel, distant: Database, owner: Context) -> None:
    async with asyncio.timeout(DEADLINE), impatient_hub(distant) as hub, following(hub, owner, OFTEN) as wait:
        assert isinstance(await wait.get(), Heartbeat)
        (watched,) = hub.groups._watched.values()
        tunnel.refuse()
        tunnel.forget()
        with capture_logs() as logs:
            while hub.groups.is_current(watched):  # noqa: ASYNC110  # time alone ends it
                await asyncio.sleep(0)
            while not wait.empty():
                wait.get_nowait()
            await lines(logs, len(logs) + 10)
        assert wait.empty()
        tunnel.admit()
        assert isinstance(await wait.get(), Heartbeat)


def watched_contacts(database: Database) -> Topics[Any]:
    return WatchedContacts(database, WakeupQueue(), compare_seconds=3600, answer_seconds=PATIENCE)


def watched_actions(database: Database) -> Topics[Any]:
    return WatchedActions(database, WakeupQueue(), answer_seconds=PATIENCE)


@pytest.mark.parametrize("watched", [watched_contacts, watched_actions])
async def test_a_look_is_given_up_and_the_next_one_has_a_new_connection(
    tunnel: Tunnel, distant: Database, watched: Callable[[Database], Topics[Any]]
) -> None:
    topics = watched(distant)
    following = asyncio.create_task(topics.follow())
    async with asyncio.timeout(DEADLINE):
        with topics.watching(1, Wakeup()) as topic, capture_logs():
            tunnel.forget()
            with pytest.raises(TimeoutError, match="no answer"):
                await topics.refresh(topic)
            await topics.refresh(topic)
    following.cancel()


async def ask(database: Database) -> None:
    await database.rows(LONG)


async def ask_in_a_transaction(database: Database) -> None:
    async with database.transaction():
        await database.rows(LONG)


@pytest.mark.parametrize("work", [ask, ask_in_a_transaction])
async def test_what_is_cancelled_ends_and_its_connection_is_closed(
    tunnel: Tunnel, distant: Database, work: Callable[[Database], Coroutine[Any, Any, None]]
) -> None:
    async with asyncio.timeout(DEADLINE):
        asking = asyncio.create_task(work(distant))
        await until_statement(distant, asking)
        tunnel.forget()
        asking.cancel()
        await asyncio.wait([asking])
        assert asking.cancelled()
        assert distant.pool().used == 0


async def test_who_would_lead_does_not_wait_for_good(tunnel: Tunnel, url: str, distant_url: str) -> None:
    leader, next_one = Leadership(url), Leadership(distant_url, answer_seconds=PATIENCE)
    async with asyncio.timeout(DEADLINE):
        assert await leader.held()
        assert not await next_one.held()
        tunnel.forget()
        await leader.resign()
        while not await next_one.held():  # noqa: ASYNC110  # PostgreSQL tells nobody that a lock is free
            await asyncio.sleep(0)
        await next_one.resign()


async def test_the_system_watches_over_connections_to_other_machines(distant: Database) -> None:
    async with distant.connection.acquire_connection() as connection:
        wire = connection._transport.get_extra_info("socket")
        assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert wire.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 15_000
