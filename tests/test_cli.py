"""The program `muster` as its users meet it: its words, its exit codes, and servers that start, say so, and stop."""

import asyncio
import re
import signal
import socket
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.cli import application
from app.commands.runner import require_database
from app.provisioning.accounts import NewAccount, chosen_account, create_account
from app.provisioning.tokens import create_token, expiry, user_with_email
from app.running.services import open_services
from app.settings import Settings, described
from models import AuditAction
from models.engine.database import Database, open_database
from models.errors import BadInput, Refused, Unavailable
from models.ids import to_global_id
from resolvers.access.audit_log import audit_log
from resolvers.access.sign_in import authenticate
from resolvers.reading.paging import PageArguments
from tests.support.clock import DrivenClock
from tests.support.command_line import run
from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, Server, environment, muster, serving
from tests.support.programs import start
from tests.support.services import running_services
from tests.support.watchers import CREATE_GROUP, VIEWER, until_ended, watching_by_socket, watching_by_stream

HELP = Path(__file__).parent / "golden" / "help"

# ---------------------------------------------------------------- words


@pytest.mark.parametrize("golden", sorted(HELP.iterdir()), ids=lambda path: path.stem)
def test_the_help_is_what_was_reviewed(golden: Path) -> None:
    words = golden.stem.split("-")
    result = CliRunner().invoke(application, [*words[1:], "--help"], prog_name=words[0], terminal_width=78)
    assert result.output == golden.read_text(), f"review the change, then: COLUMNS=80 {' '.join(words)} --help > {golden}"


def test_every_setting_is_listed_with_its_default() -> None:
    listed = CliRunner().invoke(application, ["settings"], env={"COLUMNS": "200"}).output
    for variable, default, _ in described():
        (line,) = [line for line in listed.splitlines() if f" {variable} " in line]
        assert default in line


def test_the_schema_and_the_version_are_printed() -> None:
    assert "type Query {" in CliRunner().invoke(application, ["schema"]).output
    assert CliRunner().invoke(application, ["--version"]).output == "muster 0.1.0\n"


@pytest.mark.parametrize("words", ["bogus", "import", "serve --bogus", "demo --contacts 0", "demo --contacts many"])
def test_wrong_words_are_exit_code_2(words: str) -> None:
    assert CliRunner().invoke(application, words.split()).exit_code == 2


# ---------------------------------------------------------------- accounts and tokens


async def test_an_account_and_tokens_are_made_for_a_server_to_know(standing: Server) -> None:
    url = standing.database_url
    made = await run(url, "account", "create", "Acme", "--owner-email", "Ann@Acme.example", "--timezone", "Europe/Berlin")
    assert (made.code, len(made.output.splitlines())) == (0, 1)
    token = await muster(url, "token", "create", "--user", "ANN@acme.example", "--name", "Reports", "--expires", "30d")
    for secret in (made.output.strip(), token.splitlines()[-1]):
        viewer = (await standing.ask(secret, VIEWER))["viewer"]
        assert viewer["account"] == {"name": "Acme", "timezone": "Europe/Berlin"}
        assert (viewer["user"]["email"], viewer["role"]) == ("Ann@Acme.example", "OWNER")


async def test_what_is_made_on_the_command_line_is_in_the_audit_log_in_nobodys_name(url: str) -> None:
    async with open_services(Settings(database_url=url)) as services:
        owner = await create_account(services, NewAccount("Acme", "ann@acme.example", "Europe/Berlin"))
        secret = await create_token(owner, "Reports")
        entries = (await audit_log(await authenticate(services, f"Bearer {secret}"), None, PageArguments())).nodes
    account, user, token = entries[::-1]
    assert [(each.actor_id, each.token_id, each.before) for each in entries] == [(None, None, None)] * 3
    assert (account.action, account.after) == (AuditAction.ACCOUNT_CREATED, {"name": "Acme", "timezone": "Europe/Berlin"})
    assert (user.action, user.after) == (
        AuditAction.USER_CREATED,
        {"name": "ann", "email": "ann@acme.example", "role": "OWNER", "subject": None},
    )
    assert (token.action, token.subject_name) == (AuditAction.ACCESS_TOKEN_CREATED, "Reports")
    assert token.after == {
        "name": "Reports",
        "userId": to_global_id("User", owner.caller.user_id),
        "scopes": ["READ", "WRITE", "ADMIN"],
        "expiresAt": None,
    }


async def test_an_account_is_chosen_by_name_where_there_are_several(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        with pytest.raises(BadInput, match="no account yet"):
            await chosen_account(None)
        acme = (await create_account(services, NewAccount("Acme", "ann@example.com"))).caller.account_id
        assert (await chosen_account(None)).id == acme
        bolt = (await create_account(services, NewAccount("Bolt", "ann@example.com"))).caller.account_id
        assert (await chosen_account("BOLT ")).id == bolt
        assert (await user_with_email("Ann@example.com", "bolt")).account_id == bolt
        for ambiguous in (chosen_account(None), user_with_email("ann@example.com", None)):
            with pytest.raises(BadInput, match=r"--account, such as: Acme, Bolt\."):
                await ambiguous
        for unknown in (chosen_account("Cube"), user_with_email("bob@example.com", "Bolt")):
            with pytest.raises(BadInput, match="There is no"):
                await unknown


async def test_an_account_that_is_against_a_rule_is_refused_with_every_reason(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        with pytest.raises(Refused) as refused:
            await create_account(services, NewAccount(" ", "nobody", "Mars"))
        assert [problem.path for problem in refused.value.problems] == [("NAME",), ("--owner-email",), ("--timezone",)]
        await create_account(services, NewAccount("Straße", "ann@example.com"))
        with pytest.raises(Refused, match="already"):
            await create_account(services, NewAccount("STRASSE", "bob@example.com"))


def test_a_day_of_expiry_ends_at_midnight_in_the_accounts_time_zone() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert expiry("2026-03-29", ZoneInfo("Europe/Berlin"), now) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert expiry("30d", ZoneInfo("Europe/Berlin"), now) == datetime(2026, 3, 31, tzinfo=UTC)
    for wrong in ("soon", "", "-1d", "2026-02-30", "9999-12-31", "99999d"):
        with pytest.raises(BadInput):
            expiry(wrong, ZoneInfo("Europe/Berlin"), datetime(9990, 1, 1, tzinfo=UTC))


# ---------------------------------------------------------------- failures


@pytest.mark.only("sqlite")  # they fail above the database
async def test_a_failure_is_one_sentence_and_exit_code_1(url: str) -> None:
    failures = {
        "NAME: This must not be blank. --timezone: There is no such time zone.": [
            *("account", "create", " ", "--owner-email", "a@example.com", "--timezone", "Mars")
        ],
        "There is no host no.such.host.invalid.": ["serve", "--host", "no.such.host.invalid"],
        "MUSTER_PORT: Input should be less than or equal to 65535.": ["serve", "--port", "70000"],
        "There is no file nowhere.csv.": ["import", "nowhere.csv"],
    }
    for said, words in failures.items():
        ran = await run(url, *words)
        assert (ran.code, ran.output) == (1, "")
        assert ran.sentence.startswith(said)


async def test_a_database_that_cannot_be_had_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database " * 1000)
    text = f"sqlite:///{tmp_path}/text.db"
    failures = {
        "postgresql://nobody@127.0.0.1:1/nothing": "Cannot open the PostgreSQL server",
        f"sqlite:///{tmp_path}/missing.db": f"There is no database {tmp_path}/missing.db. Create it with `muster migrate`",
        text: f"Cannot open the file {tmp_path}/text.db",
    }
    for place, said in failures.items():
        with pytest.raises(Unavailable, match=re.escape(said)):
            await _opened(Settings(database_url=place))
    ran = await run(text, "serve")
    assert (ran.code, ran.output) == (1, "")
    assert ran.sentence.startswith(failures[text])
    assert [path.name for path in tmp_path.iterdir()] == ["text.db"]


async def _opened(settings: Settings) -> None:
    require_database(settings)
    async with open_services(settings):
        pass


@pytest.mark.only("sqlite")  # test_migrations and test_health refuse it on both engines
async def test_a_database_of_another_version_is_refused_with_what_to_do(url: str, database: Database) -> None:
    await database.rows("INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2099-01-01')")
    for command in ("serve", "migrate"):
        assert "newer Muster (9999_later)" in (await run(url, command)).sentence


async def test_migrate_makes_the_file_and_its_directory_and_may_run_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'some' / 'where' / 'muster.db'}"
    assert (await run(url, "migrate")).sentence.startswith("Applied 0001_")
    assert (await run(url, "migrate")).sentence == "The database is up to date."


@pytest.mark.only("sqlite")  # the database is left alone
async def test_a_taken_port_is_one_sentence(url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ran = await run(url, "serve", "--port", str(other.getsockname()[1]))
    assert (ran.code, ran.output) == (1, "")
    assert "is taken" in ran.sentence


# ---------------------------------------------------------------- serving


async def test_a_sqlite_file_has_one_server_and_postgresql_takes_several(standing: Server, engine: str) -> None:
    if engine == "sqlite":
        assert "Another Muster server" in (await run(standing.database_url, "serve", port="0")).sentence
        with pytest.raises(ValidationError, match="MUSTER_WORKERS must be 1 with SQLite"):
            Settings(database_url=standing.database_url, workers=2)
        return
    async with serving(standing.database_url, workers="2") as several:
        token = await several.new_token()
        answers = await asyncio.gather(*(several.ask(token, VIEWER) for _ in range(8)))
        assert {answer["viewer"]["role"] for answer in answers} == {"OWNER"}
        assert await several.stop() == 0


@pytest.mark.only("sqlite")  # test_operations stops one with streams on PostgreSQL, and by the other signal
async def test_a_server_stops_at_once_with_code_0_and_ends_its_streams(url: str) -> None:
    async with asyncio.timeout(2 * DEADLINE), serving(url, shutdown_seconds="600") as server:
        token = await server.new_token()
        group = (await server.ask(token, CREATE_GROUP))["createGroup"]["group"]["id"]
        async with watching_by_socket(server, token, group) as socket, watching_by_stream(server, token, group) as stream:
            assert await server.stop(signal.SIGINT) == 0
            await until_ended(socket, stream)


@pytest.mark.only("sqlite")  # the database is left alone
async def test_a_server_says_where_it_is_and_nothing_else(url: str) -> None:
    process = await start("serve", environment=environment(url))
    async with asyncio.timeout(DEADLINE):
        place = (await process.stdout.readline()).decode().split()[4]
        async with web_client() as client:
            assert (await client.post(place, json={"query": VIEWER})).status_code == 401
        process.send_signal(signal.SIGINT)
        assert await process.communicate() == (b"", b"Stopped.\n")
    assert process.returncode == 0


@pytest.mark.only("sqlite")  # the database is left alone
async def test_logs_are_lines_of_json_when_asked(url: str) -> None:
    process = await start("serve", environment=environment(url, log_format="json", log_level="debug"))
    async with asyncio.timeout(DEADLINE):
        await process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, errors = await process.communicate()
    logged = [orjson.loads(line) for line in errors.splitlines()[:-1]]
    assert "Application startup complete." in [line["event"] for line in logged]


async def test_verify_finds_what_was_changed_behind_muster_and_repairs_it(url: str) -> None:
    await muster(url, "demo", "--contacts", "50")
    async with open_database(url) as database:
        await database.rows("DELETE FROM group_members WHERE id = (SELECT min(id) FROM group_members)")
    found = await run(url, "verify")
    assert found.code == 1
    assert "records that the criteria select and that are no members" in found.output
    assert (await run(url, "verify", "--repair")).code == 0
    well = await run(url, "verify")
    assert (well.code, "agree in every group" in well.errors) == (0, True)
