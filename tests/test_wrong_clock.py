"""A machine whose clock jumps: nothing is deleted and no group follows it, it is seen, and there is a way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from structlog.testing import capture_logs

from app.health.readiness import Readiness
from app.running.server import Server
from app.settings import Settings
from models import AuditEntry, Group
from models.engine.database import Database
from models.fields import from_microseconds
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.maintenance.auditing import audit
from resolvers.maintenance.clock import keep_time, step
from resolvers.maintenance.clock_watch import ClockWatch
from resolvers.membership.clock import read_stored
from resolvers.operation.context import Context, Services
from resolvers.records.appointments import create_appointment
from resolvers.records.contacts import create_contact
from tests.support.callers import new_account
from tests.support.clock import DrivenClock, DrivenProgress
from tests.support.command_line import run
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE
from tests.support.services import running_services

# Long ago, so that PostgreSQL's own clock is ahead of every jump, and the time that has passed is what contradicts it.
BEGINNING = datetime(2001, 1, 1, tzinfo=UTC)
FAR = timedelta(days=400)
DAY = timedelta(days=1)
SOON = {"appointments": {"startsAt": {"withinNext": {"days": 1}}}}


class Machine:
    """A machine with a clock, which time passes by."""

    def __init__(self, at: datetime = BEGINNING) -> None:
        self.clock, self.progress = DrivenClock(at), DrivenProgress()

    def run(self, duration: timedelta) -> None:
        self.clock.now += duration
        self.progress.seconds += duration.total_seconds()

    def watch(self) -> ClockWatch:
        return ClockWatch(self.clock, self.progress)


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
async def services(database: Database, machine: Machine) -> AsyncIterator[Services]:
    async with running_services(database, machine.clock) as running:
        yield running


async def stored(database: Database) -> tuple[datetime, datetime]:
    """The logical time, and the time by which old rows are deleted."""
    found = await read_stored(database)
    return from_microseconds(found.now), from_microseconds(found.confirmed)


async def test_a_clock_that_jumps_is_not_followed_and_is_seen(database: Database, services: Services, machine: Machine) -> None:
    watch = machine.watch()
    await keep_time(services, watch, leads=True)
    machine.run(DAY)
    await keep_time(services, watch, leads=True)
    before = await stored(database)
    assert before == (BEGINNING + DAY, BEGINNING + DAY)
    machine.clock.now += FAR
    with capture_logs() as logs:
        for _ in range(3):
            machine.run(timedelta(seconds=1))
            await keep_time(services, watch, leads=True)
    assert await stored(database) == before
    assert [entry["event"] for entry in logs] == ["the logical clock stands still"]
    verdict = await Readiness(lambda: services, 60, watch).verdict()
    assert "jumped ahead by 34560000 seconds" in str(verdict.checks["clock"])
    assert watch.jump == FAR.total_seconds()
    machine.clock.now -= FAR
    await keep_time(services, watch, leads=True)
    assert (await stored(database))[0] == machine.clock.now
    assert (watch.problem, watch.jump) == (None, 0)


async def test_a_process_that_starts_after_an_outage_catches_up_and_deletes_no_faster_than_it_runs(
    database: Database, services: Services, machine: Machine
) -> None:
    machine.clock.now += 10 * DAY
    watch = machine.watch()
    with capture_logs() as logs:
        await keep_time(services, watch, leads=True)
    assert [(entry["event"], entry["seconds"]) for entry in logs] == [("catching up with the time since the last step", 864_000)]
    assert await stored(database) == (BEGINNING + 10 * DAY, BEGINNING)
    machine.run(DAY)
    await keep_time(services, watch, leads=True)
    assert await stored(database) == (BEGINNING + 11 * DAY, BEGINNING + 2 * DAY)
    machine.run(20 * DAY)
    await keep_time(services, watch, leads=True)
    assert await stored(database) == (BEGINNING + 31 * DAY, BEGINNING + 31 * DAY)


async def test_a_machine_that_knows_the_time_only_some_seconds_after_its_start_catches_up(
    database: Database, services: Services, machine: Machine
) -> None:
    machine.clock.now -= 1000 * DAY
    watch = machine.watch()
    await keep_time(services, watch, leads=True)
    machine.clock.now = BEGINNING + DAY
    await keep_time(services, watch, leads=True)
    assert await stored(database) == (BEGINNING + DAY, BEGINNING)


@pytest.mark.only("postgresql")
async def test_a_clock_ahead_of_the_databases_clock_is_not_followed(database: Database) -> None:
    machine = Machine(datetime.now(UTC) - DAY)
    async with running_services(database, machine.clock) as services:
        machine.clock.now += 2 * DAY
        watch, before = machine.watch(), await stored(database)
        await keep_time(services, watch, leads=True)
        assert await stored(database) == before
        assert "seconds ahead of the database's clock" in str(watch.problem)


@asynccontextmanager
async def serving(url: str, machine: Machine) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """A whole server, with its background work."""
    server = Server(Settings(database_url=url, clock_interval_seconds=0.01), machine.clock, progress=machine.progress)
    async with (
        asyncio.timeout(DEADLINE),
        server.running(),
        web_client(transport=httpx.ASGITransport(server.application), base_url="http://test") as client,
    ):
        yield server, client


async def until_followed(server: Server, machine: Machine) -> None:
    while (await stored(server.services.database))[0] < machine.clock.now:  # noqa: ASYNC110  # the server steps again and again
        await asyncio.sleep(0)


async def test_no_server_deletes_anything_because_of_a_jump_though_it_is_started_again(url: str) -> None:
    machine = Machine()
    async with serving(url, machine) as (server, client):
        context = await new_account(server.services)
        await create_group(context, name="Soon", criteria=SOON)
        await until_followed(server, machine)
        machine.clock.now += FAR
        while (await client.get("/readyz")).status_code == 200:  # noqa: ASYNC110  # it looks at most once a second
            await asyncio.sleep(0)
        assert (await stored(server.services.database))[0] == BEGINNING
    async with serving(url, machine) as (server, _):
        await until_followed(server, machine)
        machine.run(timedelta(seconds=1))
        await until_followed(server, machine)
        assert (await stored(server.services.database))[1] == BEGINNING + timedelta(seconds=2)
        assert await AuditEntry.filter(account_id=context.caller.account_id).count() == 1


async def test_the_command_turns_the_clock_back_and_groups_with_it(url: str, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "500")  # so that no sentence is wrapped
    now = datetime.now(UTC)
    clock = DrivenClock(now)
    async with running_services(database, clock) as services:
        context = await new_account(services)
        group = await create_group(context, name="Soon", criteria=SOON)
        contact = to_global_id("Contact", (await create_contact(context, fields={})).id)
        await create_appointment(context, contact_id=contact, values={"title": "Call", "starts_at": now + timedelta(hours=12)})
        clock.now += FAR
        await step(services)
        assert await count(context, group) == 0
        examined = await run(url, "doctor")
        assert (examined.code, "muster clock --back-to now" in examined.output) == (1, True)
        assert (await run(url, "clock", "--back-to", "yesterday")).sentence.startswith("--back-to takes a time with its zone")
        refused = await run(url, "clock", "--back-to", (clock.now + DAY).isoformat())
        assert (refused.code, "Give an earlier time" in refused.sentence) == (1, True)
        turned = await run(url, "clock", "--back-to", "now")
        assert (turned.code, turned.errors) == (0, "The logical clock was turned back.\n")
        assert turned.output.startswith("logical clock: ")
        assert now <= (await stored(database))[0] < now + DAY
        assert await count(context, group) == 1
        assert await audit(services, context.caller.account_id) == []


async def count(context: Context, group: Group) -> int:
    context.forget()
    return int((await context.scope.groups.get(id=group.id)).member_count)
