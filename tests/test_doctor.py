"""`muster doctor`: what is wrong with a deployment, and how to mend it."""

import asyncio
import stat
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.doctor.checkup import examine
from app.doctor.finding import Level
from app.doctor.postgresql import examine_encryption
from app.settings import Settings
from models.engine.database import open_database
from tests.support.command_line import run
from tests.support.identity_provider import AUDIENCE, ISSUER, identity_provider, key_for
from tests.support.processes import DEADLINE, Server

FAILED = 1


async def found(url: str, **settings: object) -> dict[str, tuple[Level, str]]:
    """What the doctor finds, by what was looked at."""
    chosen = {"database_url": url, "port": 0, **settings}
    return {finding.what: (finding.level, finding.said) for finding in await examine(Settings.model_validate(chosen))}


async def spoil(url: str, statement: str) -> None:
    async with open_database(url) as database:
        await database.rows(statement)


async def test_a_new_deployment_is_well_but_for_the_server_that_does_not_run_yet(url: str) -> None:
    findings = await found(url)
    levels = {what: level for what, (level, _) in findings.items() if what not in ("rights", "room", "connections", "durability")}
    assert levels.pop("clock") is Level.WARN
    assert set(levels.values()) == {Level.OK}
    assert "muster serve" in findings["clock"][1]


PLAIN, ENCRYPTED, HERE, ELSEWHERE = {"is_encrypted": False}, {"is_encrypted": True}, {"is_local": True}, {"is_local": False}


@pytest.mark.parametrize(
    ("about", "options", "expected"),
    [
        (PLAIN | HERE, "", (Level.OK, "does not leave this machine")),
        (PLAIN | ELSEWHERE, "", (Level.WARN, "is not encrypted: the network can read everything. Add sslmode=verify-full")),
        (ENCRYPTED | ELSEWHERE, "?sslmode=require", (Level.WARN, "nobody checks whose server it is. Add sslmode=verify-full")),
        (ENCRYPTED | ELSEWHERE, "?sslrootcert=ca.pem&sslmode=verify-full", (Level.OK, "is encrypted")),
    ],
)
def test_whether_the_connection_to_the_server_is_encrypted_is_said(
    about: dict[str, bool], options: str, expected: tuple[Level, str]
) -> None:
    level, said = expected
    finding = examine_encryption(about, f"postgresql://muster@db/muster{options}")
    assert (finding.what, finding.level, said in finding.said) == ("encryption", level, True)


@pytest.mark.only("postgresql")
async def test_a_connection_within_this_machine_need_not_be_encrypted(url: str) -> None:
    assert (await found(url))["encryption"] == (Level.OK, "The connection is not encrypted, and does not leave this machine.")


async def test_a_running_server_is_seen_by_its_lead_and_at_its_port(standing: Server) -> None:
    async with asyncio.timeout(DEADLINE):
        findings = await found(standing.database_url, port=standing.port)
        while findings["clock"][0] is Level.WARN:  # it takes the lead when it has begun to answer
            findings = await found(standing.database_url, port=standing.port)
    assert findings["clock"][1].startswith("A server runs")
    assert findings["port"] == (Level.OK, f"Port {standing.port} of 127.0.0.1 is answered by a server that is ready.")
    assert findings["bulk actions"][0] is Level.OK


async def test_a_schema_that_is_too_new_is_told_with_its_remedy(url: str) -> None:
    await spoil(url, "INSERT INTO tortoise_migrations (app, name, applied_at) VALUES ('models', '9999_later', '2099-01-01')")
    findings = await found(url)
    assert "newer Muster" in findings["schema"][1]
    assert "clock" not in findings


async def test_a_database_without_tables_is_told_how_to_get_them(empty_url: str) -> None:
    if empty_url.startswith("sqlite:"):
        Path(empty_url.removeprefix("sqlite:///")).touch()
    level, said = (await found(empty_url))["schema"]
    assert (level, "Run `muster migrate`." in said) == (Level.FAIL, True)


async def test_a_bus_that_carries_nothing_is_found(url: str, port: int) -> None:
    level, said = (await found(url, bus_url=f"redis://:secret@127.0.0.1:{port}"))["bus"]
    assert level is Level.FAIL
    assert "MUSTER_BUS_URL" in said
    assert "secret" not in said


async def keys_of(url: str, keys_url: str) -> tuple[Level, str]:
    return (await found(url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_keys_url=keys_url))["identity provider"]


async def test_the_keys_of_an_identity_provider_are_looked_at(url: str) -> None:
    assert "identity provider" not in await found(url)
    async with identity_provider(key_for("ES256")) as provider:
        assert await keys_of(url, provider.url) == (Level.OK, "127.0.0.1 publishes keys that verify signatures.")
        provider.keys = []
        level, said = await keys_of(url, provider.url)
        assert (level, "none that verifies signatures" in said) == (Level.FAIL, True)
        provider.status = "404 Not Found"
        level, said = await keys_of(url, provider.url)
        assert (level, "has the status 404" in said, "MUSTER_JWT_KEYS_URL" in said) == (Level.FAIL, True, True)


@pytest.mark.parametrize(("document", "reason"), [("{}", "it is not a JWK Set"), ("<html>", "its answer is not JSON")])
async def test_what_is_no_key_set_is_told(url: str, document: str, reason: str) -> None:
    async with identity_provider() as provider:
        provider.document = document
        level, said = await keys_of(url, provider.url)
    assert (level, reason in said) == (Level.FAIL, True)


async def test_an_identity_provider_that_is_not_there_is_told(url: str, port: int) -> None:
    level, said = await keys_of(url, f"http://127.0.0.1:{port}/keys")
    assert (level, "urlopen" in said, "Connection refused" in said) == (Level.FAIL, False, True)


async def test_an_identity_provider_that_speaks_no_http_is_told(url: str) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        level, said = await keys_of(url, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys")
    assert (level, "its answer is not HTTP" in said) == (Level.FAIL, True)


@pytest.mark.only("postgresql")
async def test_the_bus_and_the_clock_of_postgresql_are_proved(url: str) -> None:
    findings = await found(url)
    assert findings["bus"] == (Level.OK, "PostgreSQL carries hints.")
    assert findings["time"][0] is Level.OK
    assert findings["PostgreSQL"][0] is Level.OK


@pytest.mark.only("postgresql")
async def test_too_many_connections_are_found_before_they_are_missed(url: str) -> None:
    level, said = (await found(url, workers=64, pool_size=500))["connections"]
    assert (level, "MUSTER_POOL_SIZE" in said) == (Level.FAIL, True)


@pytest.mark.only("postgresql")
async def test_an_isolation_that_muster_does_not_expect_is_found(url: str) -> None:
    name = urlsplit(url).path.lstrip("/")
    await spoil(url, f"ALTER DATABASE {name} SET default_transaction_isolation TO 'serializable'")
    assert (await found(url))["isolation"][0] is Level.FAIL


@pytest.mark.only("sqlite")
async def test_a_file_that_everybody_may_read_is_doubtful_and_a_missing_one_is_wrong(url: str, tmp_path: Path) -> None:
    path = tmp_path / "muster.db"
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    assert (await found(url))["rights"][0] is Level.OK
    path.chmod(0o644)
    assert (await found(url))["rights"][0] is Level.WARN
    missing = await found(f"sqlite:///{tmp_path}/missing.db")
    assert missing["database"] == (Level.FAIL, f"There is no file {tmp_path}/missing.db. Create it with `muster migrate`.")
    assert not (tmp_path / "missing.db").exists()


async def test_the_exit_code_says_whether_anything_failed(url: str) -> None:
    assert (await run(url, "doctor")).code == 0
    ran = await run("postgresql://nobody@127.0.0.1:1/nothing", "doctor")
    assert (ran.code, "FAIL" in ran.output, "MUSTER_DATABASE_URL" in ran.output) == (FAILED, True, True)
    ran = await run(url, "doctor", port="70000")
    assert (ran.code, "MUSTER_PORT" in ran.output) == (FAILED, True)
