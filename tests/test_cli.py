"""The program `muster` as its users meet it: its words, its exit codes, and servers that start, say so, and stop."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import orjson
import pytest
from typer.testing import CliRunner
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from app.cli import application
from app.commands.accounts import expiry
from app.settings import described
from models import AccessToken
from models.database import Database, open_database
from models.errors import BadInput
from tests.processes import DEADLINE, MUSTER, Server, environment, muster, new_token, serving
from tests.programs import run

HELP = Path(__file__).parent / "golden" / "help"
VIEWER = "{ viewer { account { name timezone } user { email } role } }"
WATCH = "subscription ($group: ID!) { groupChanges(groupId: $group) { __typename } }"
CREATE_GROUP = """
    mutation { createGroup(input: {name: "All", criteria: {contacts: {email: {isEmpty: false}}}}) { group { id } userErrors { message } } }
"""

# ---------------------------------------------------------------- words


@pytest.mark.parametrize("golden", sorted(HELP.iterdir()), ids=lambda path: path.stem)
def test_the_help_is_what_was_reviewed(golden: Path) -> None:
    words = golden.stem.split("-")
    result = CliRunner().invoke(application, [*words[1:], "--help"], prog_name=words[0], env={"COLUMNS": "80"})
    assert result.output == golden.read_text(), f"review the change, then: COLUMNS=80 {' '.join(words)} --help > {golden}"


async def test_every_setting_is_listed_with_its_meaning(url: str) -> None:
    listed = (await run(url, "settings", columns="200")).output
    for variable, default, _ in described():
        (line,) = [line for line in listed.splitlines() if f" {variable} " in line]
        assert default.splitlines() == [] or default.split(",")[0][:10] in line


async def test_the_schema_is_printed_without_a_database() -> None:
    ran = await run("sqlite:////nowhere/at/all.db", "schema")
    assert ran.code == 0
    assert "type Query {" in ran.output


async def test_the_version_is_printed(url: str) -> None:
    assert (await run(url, "--version")).output == "muster 0.1.0\n"


# ---------------------------------------------------------------- accounts and tokens


async def test_a_new_account_comes_with_a_token_that_works(url: str) -> None:
    ran = await run(url, "account", "create", "Acme", "--owner-email", "Ann@Acme.example", "--timezone", "Europe/Berlin")
    assert (ran.code, len(ran.output.splitlines())) == (0, 1)
    async with serving(url) as server:
        viewer = (await server.ask(ran.output.strip(), VIEWER))["viewer"]
    assert viewer == {
        "account": {"name": "Acme", "timezone": "Europe/Berlin"},
        "user": {"email": "Ann@Acme.example"},
        "role": "OWNER",
    }


async def test_a_token_is_made_for_a_user_and_ends_in_time(url: str, database: Database) -> None:
    await new_token(url, "Acme")
    ran = await run(url, "token", "create", "--user", "ACME@example.com", "--name", "Reports", "--expires", "30d")
    assert ran.output.startswith("muster_")
    token = await AccessToken.get(name="Reports")
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - datetime.now(UTC) <= timedelta(days=30)


async def test_a_user_of_two_accounts_needs_the_account_named(url: str) -> None:
    for name in ("Acme", "Bolt"):
        await muster(url, "account", "create", name, "--owner-email", "ann@example.com")
    assert "--account" in (await run(url, "token", "create", "--user", "ann@example.com")).sentence
    token = await muster(url, "token", "create", "--user", "ann@example.com", "--account", "bolt")
    async with serving(url) as server:
        assert (await server.ask(token.strip(), VIEWER))["viewer"]["account"]["name"] == "Bolt"


def test_a_day_of_expiry_ends_at_midnight_in_the_accounts_time_zone() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert expiry("2026-03-29", ZoneInfo("Europe/Berlin"), now) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert expiry("30d", ZoneInfo("Europe/Berlin"), now) == datetime(2026, 3, 31, tzinfo=UTC)
    for wrong in ("soon", "", "-1d", "2026-02-30", "9999-12-31", "99999d"):
        with pytest.raises(BadInput):
            expiry(wrong, ZoneInfo("Europe/Berlin"), datetime(9990, 1, 1, tzinfo=UTC))


# ---------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["account", "create", "Acme", "--owner-email", "nobody"], "not an e-mail address"),
        (["account", "create", " ", "--owner-email", "a@example.com"], "must not be blank"),
        (["account", "create", "Acme", "--owner-email", "a@example.com", "--timezone", "Mars"], "no such time zone"),
        (["token", "create", "--user", "a@example.com"], "no user with the e-mail address a@example.com"),
        (["import", "nowhere.csv"], "no file nowhere.csv"),
        (["import", __file__], "no account yet"),
        (["serve", "--port", "70000"], "MUSTER_PORT"),
        (["serve", "--host", "no.such.host.invalid"], "no host no.such.host.invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_failure_is_one_sentence_and_exit_code_1(url: str, words: list[str], said: str) -> None:
    ran = await run(url, *words)
    assert (ran.code, ran.output) == (1, "")
    assert said in ran.sentence


async def test_an_account_whose_name_is_taken_is_refused(url: str) -> None:
    await new_token(url, "Acme")
    assert "already" in (await run(url, "account", "create", "ACME", "--owner-email", "b@example.com")).sentence


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("postgresql://nobody@127.0.0.1:1/nothing", "Cannot open the PostgreSQL server"),
        ("sqlite:////nowhere/at/all.db", "Cannot open the file /nowhere/at/all.db"),
        ("mysql://localhost/contacts", "MUSTER_DATABASE_URL"),
    ],
)
async def test_a_database_that_cannot_be_reached_is_one_sentence(place: str, said: str) -> None:
    for words in (["serve"], ["demo"], ["migrate"]):
        if words == ["migrate"] and place.startswith("sqlite"):
            continue
        ran = await run(place, *words)
        assert (ran.code, ran.output) == (1, "")
        assert said in ran.sentence


async def test_a_database_of_another_version_is_refused_with_what_to_do(url: str, tmp_path: Path) -> None:
    empty = f"sqlite:///{tmp_path / 'empty.db'}"
    for words in (["serve"], ["demo"], ["import", __file__]):
        assert "Run `muster migrate`." in (await run(empty, *words)).sentence
    async with open_database(url) as database:
        await database.rows("INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2099-01-01')")
    for words in (["serve"], ["migrate"]):
        assert "newer Muster (9999_later)" in (await run(url, *words)).sentence


async def test_migrate_makes_the_file_and_its_directory_and_may_run_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'some' / 'where' / 'muster.db'}"
    assert "Applied 0001_initial" in (await run(url, "migrate")).errors
    assert (await run(url, "migrate")).sentence == "The database is current."


async def test_wrong_words_are_exit_code_2(url: str) -> None:
    for words in (["bogus"], ["import"], ["serve", "--bogus"], ["demo", "--contacts", "0"]):
        ran = await run(url, *words)
        assert (ran.code, ran.output) == (2, "")


# ---------------------------------------------------------------- serving


async def test_a_taken_port_is_one_sentence(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = await run(url, "serve", "--port", str(other.getsockname()[1]))
    assert (ran.code, ran.output) == (1, "")
    assert "is taken" in ran.sentence


async def test_a_sqlite_file_has_one_server_and_postgresql_takes_several(url: str, engine: str) -> None:
    async with serving(url):
        if engine == "sqlite":
            assert "Another Muster server" in (await run(url, "serve", port="0")).sentence
            return
        async with serving(url):
            pass


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_a_server_stops_at_once_with_code_0_and_ends_its_streams(url: str, how: signal.Signals) -> None:
    token = await new_token(url, "Acme")
    async with asyncio.timeout(2 * DEADLINE), serving(url, shutdown_seconds="600") as server:
        group = (await server.ask(token, CREATE_GROUP))["createGroup"]["group"]["id"]
        async with watching_by_socket(server, token, group) as socket, watching_by_stream(server, token, group) as stream:
            assert await server.stop(how) == 0
            with suppress(ConnectionClosed):
                while True:
                    await socket.recv()
            assert socket.close_code == 1012
            async for _ in stream:
                pass


@asynccontextmanager
async def watching_by_socket(server: Server, token: str, group: str) -> AsyncIterator[ClientConnection]:
    """A WebSocket that has begun to watch the group."""
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(server.url.replace("http", "ws"), subprotocols=[protocol], proxy=None, close_timeout=0.1) as socket:
        await socket.send(orjson.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}).decode())
        assert "connection_ack" in str(await socket.recv())
        payload = {"query": WATCH, "variables": {"group": group}}
        await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
        assert "GroupHeartbeat" in str(await socket.recv())
        yield socket


@asynccontextmanager
async def watching_by_stream(server: Server, token: str, group: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """A stream of server-sent events that has begun to tell of the group."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    body = {"query": WATCH, "variables": {"group": group}}
    client = httpx.AsyncClient(timeout=DEADLINE, headers=headers, trust_env=False)
    async with client, client.stream("POST", server.url, json=body) as response:
        told = response.aiter_bytes()
        while b"GroupHeartbeat" not in await anext(told):
            pass
        yield told


async def test_several_processes_serve_one_database_and_stop_together(url: str, engine: str) -> None:
    if engine == "sqlite":
        assert "MUSTER_WORKERS must be 1 with SQLite" in (await run(url, "serve", "--workers", "2")).sentence
        return
    token = await new_token(url, "Acme")
    async with serving(url, workers="2") as server:
        answers = await asyncio.gather(*(server.ask(token, VIEWER) for _ in range(8)))
        assert {answer["viewer"]["role"] for answer in answers} == {"OWNER"}
        assert await server.stop() == 0


async def test_a_server_says_nothing_but_where_it_is(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *MUSTER, "serve", env=environment(url, port="0"), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        place = (await process.stdout.readline()).decode().split()[4]
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.post(place, json={"query": VIEWER})).status_code == 401
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert (output, errors) == (b"", b"Stopped.\n")


async def test_logs_are_lines_of_json_when_asked(url: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *MUSTER,
        "serve",
        env=environment(url, port="0", log_format="json", log_level="debug"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    logged = [orjson.loads(line) for line in errors.splitlines()[:-1]]
    assert "Application startup complete." in [line["event"] for line in logged]
