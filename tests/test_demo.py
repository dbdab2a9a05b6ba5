"""The demo: the same people every time, groups that hold what their names promise, and a token that stays."""

import asyncio
import shlex
import signal
import stat
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from app.demo.groups import GROUPS
from app.demo.load import load_demo
from app.demo.names import TAGS
from app.demo.people import SOON, Generator
from app.demo.sign_in import demo_token, token_path
from models import AccessToken
from models.engine.database import Database
from models.errors import Refused
from resolvers.maintenance.clock import step
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from tests.support.clock import NOON, DrivenClock
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, environment
from tests.support.programs import start
from tests.support.services import running_services

MANY = 300


@dataclass
class Loaded:
    """The demo, loaded."""

    context: Context
    clock: DrivenClock
    progress: list[int]

    async def members(self, name: str) -> set[int]:
        """The records of a group."""
        group = await self.context.scope.groups.get(name=name)
        return {
            member["record_id"] for member in await self.context.scope.group_members.filter(set_id=group.members_id).values("record_id")
        }


@asynccontextmanager
async def loaded(database: Database) -> AsyncIterator[Loaded]:
    clock, progress = DrivenClock(), list[int]()
    async with running_services(database, clock) as services:
        yield Loaded(await load_demo(services, MANY, progress.append), clock, progress)


def _ids(rows: Iterable[dict[str, int]]) -> set[int]:
    return {row["id"] for row in rows}


def test_the_same_people_and_meetings_are_invented_every_time() -> None:
    assert list(Generator(NOON).rows(MANY)) == list(Generator(NOON).rows(MANY))
    assert list(Generator(NOON).meetings(50, MANY)) == list(Generator(NOON).meetings(50, MANY))


def test_few_tags_are_frequent_and_many_are_rare() -> None:
    counts = Counter(tag["name"] for row in Generator(NOON).rows(3000) for tag in row.tags)
    assert set(counts) == set(TAGS)
    assert counts[TAGS[0]] > 1.5 * counts[TAGS[1]] > 3 * counts[TAGS[-1]]


async def test_every_group_holds_some_records_and_is_what_a_fresh_look_finds(database: Database) -> None:
    async with loaded(database) as demo:
        assert demo.progress[-1] == MANY
        for name in GROUPS:
            assert 0 < len(await demo.members(name)) < MANY
        scope = demo.context.scope
        assert await verify(database, demo.context.services.definitions, scope.account_id) == []
        clients = await scope.taggings.filter(tag__name="Client").values_list("contact_id", flat=True)
        wanted = await scope.contacts.filter(country__in=["Canada", "Mexico"], id__in=clients).values("id")
        assert await demo.members("Clients in Canada or Mexico") == _ids(wanted)


async def test_the_first_appointments_begin_within_minutes(database: Database) -> None:
    async with loaded(database) as demo:
        before = await demo.members("Upcoming appointments")
        for passed in (0, 1, 2, 4):
            demo.clock.now = NOON
            demo.clock.pass_(minutes=passed, seconds=1)
            await step(demo.context.services)
            upcoming = await demo.context.scope.appointments.filter(starts_at__gte=demo.clock()).values("id")
            assert await demo.members("Upcoming appointments") == _ids(upcoming)
        gone = before - await demo.members("Upcoming appointments")
        assert len(gone) >= sum(away <= demo.clock() - NOON for away in SOON) > 0


async def test_a_second_demo_is_refused(database: Database) -> None:
    async with loaded(database) as demo:
        with pytest.raises(Refused, match="an account named Demo already"):
            await load_demo(demo.context.services, MANY, demo.progress.append)


async def test_the_demos_token_stays_until_it_is_gone_or_no_longer_works(database: Database, tmp_path: Path) -> None:
    async with running_services(database, DrivenClock()) as services:
        assert await demo_token(services, tmp_path / "token") is None
    async with loaded(database) as demo:
        services, path = demo.context.services, tmp_path / "var" / "token"
        first = await demo_token(services, path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert await demo_token(services, path) == first
        path.write_text("not a token\n")
        second = await demo_token(services, path)
        assert second != first
        await AccessToken.all().delete()
        third = await demo_token(services, path)
        assert third not in (first, second, None)


def test_the_token_is_kept_beside_a_sqlite_file_and_below_var_for_a_server() -> None:
    assert token_path("sqlite:////data/muster.db") == Path("/data/muster.db.demo-token")
    assert token_path("postgresql://muster@db/crm?host=/run") == Path("var/crm.demo-token")


@pytest.mark.only("sqlite")  # what is loaded and shown is tested above, on both engines
async def test_serving_the_demo_shows_where_it_is_a_token_and_a_query_and_the_same_again(url: str, tmp_path: Path) -> None:
    shown = [await _serve_demo(url, tmp_path) for _ in range(2)]
    assert shown[0] == shown[1]


async def _serve_demo(url: str, directory: Path) -> tuple[str, list[str]]:
    """The token that the greeting shows, and the names of the groups that its query finds."""
    process = await start("serve", "--demo", environment=environment(url), directory=directory, piped=["stdout"])
    async with asyncio.timeout(2 * DEADLINE):
        greeting = (await process.stdout.readuntil(b"}'\n")).decode().splitlines()
        answer = await _as_curl_does(shlex.split(greeting[-1]))
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    (token,) = [line.split()[-1] for line in greeting if line.startswith("Access token:")]
    return token, [group["name"] for group in answer["groups"]["nodes"]]


async def _as_curl_does(words: list[str]) -> dict[str, dict[str, list[dict[str, str]]]]:
    """The data of the answer to a request as it is written for curl."""
    assert words[:2] == ["curl", "-s"]
    headers = [words[index + 1].split(": ") for index, word in enumerate(words) if word == "-H"]
    async with web_client() as client:
        response = await client.post(words[2], headers=dict(headers), content=words[words.index("-d") + 1])
    data: dict[str, dict[str, list[dict[str, str]]]] = orjson.loads(response.content)["data"]
    return data
