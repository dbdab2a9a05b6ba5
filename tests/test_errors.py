"""Errors as clients meet them: every code is documented, outages are told as such, and no answer shows what is inside."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from asyncpg.exceptions import AdminShutdownError, ConnectionDoesNotExistError, InterfaceError, InternalClientError
from graphql import GraphQLError
from structlog.testing import capture_logs
from tortoise.exceptions import DBConnectionError, OperationalError

from app.graphql.transport.http import STATUS_BY_CODE
from app.running.serving import PortTaken
from app.settings import Settings
from models import errors
from models.errors import AnswerTooLarge, MusterError, ProblemCode, RateLimited, Refused, TooCostly
from schema.errors import PARSE_FAILED, VALIDATION_FAILED, as_graphql, publish
from schema.limits import DocumentLimits
from tests.support.http_client import web_client
from tests.support.leaks import traces_in
from tests.support.postgresql_url import server_address
from tests.support.processes import DEADLINE, new_token, serving

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "errors.md").read_text(encoding="utf-8")
NEVER_BEGUN = {PARSE_FAILED: 400, VALIDATION_FAILED: 400, "INTERNAL_SERVER_ERROR": 500}


def tree(root: type[MusterError] = MusterError) -> Iterator[type[MusterError]]:
    yield root
    for kind in root.__subclasses__():
        yield from tree(kind)


def rows(heading: str) -> dict[str, list[str]]:
    """The cells of the first table under a heading, by the code in its first column."""
    table = PAGE.partition(f"## {heading}\n")[2].partition("\n|---")[2].partition("\n")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    return {row[0].strip("`"): row[1:] for row in cells}


def codes() -> set[str]:
    """Every code that an error of an answer can have."""
    assert PortTaken in set(tree()), "an error of any room belongs to the tree"
    return {kind.code for kind in tree() if kind is not Refused} | {PARSE_FAILED, VALIDATION_FAILED}


def test_every_code_is_documented_and_every_documented_code_exists() -> None:
    assert set(rows("Codes of `errors`")) == codes()


def test_the_documented_status_is_the_one_that_http_says() -> None:
    documented = {code: int(cells[-1]) for code, cells in rows("Codes of `errors`").items() if cells[-1]}
    assert documented == STATUS_BY_CODE | NEVER_BEGUN


def test_every_code_of_user_errors_is_documented_and_every_documented_one_exists() -> None:
    assert set(rows("Codes of `userErrors`")) == set(ProblemCode)


def test_everything_that_is_told_besides_a_code_is_documented() -> None:
    told = {key for error in (RateLimited(1), TooCostly(2, 1), AnswerTooLarge(1)) for key in error.details()} | {"problems", "errorId"}
    keys = set(re.findall(r"^\| `(\w+)` \| `", PAGE, re.MULTILINE))
    assert keys == told


def test_the_drawn_tree_names_every_error_and_its_code() -> None:
    drawing = errors.__doc__ or ""
    own = [kind for kind in tree() if kind.__module__ == errors.__name__]
    assert set(re.findall(r"[├└]── (\w+)", drawing)) | {"MusterError"} == {kind.__name__ for kind in own}
    drawn = dict(re.findall(r"[├└]── (\w+) +([A-Z_]{4,})", drawing))
    assert drawn == {kind.__name__: kind.code for kind in own if kind.__name__ in drawn}


def test_the_documented_limits_are_those_of_the_settings() -> None:
    page = (DOCS / "limits.md").read_text(encoding="utf-8")
    named = re.findall(r"`MUSTER_([A-Z_]+)`", page)
    assert {name.lower() for name in named} <= set(Settings.model_fields)
    fields = Settings.model_fields
    assert {fields["query_max_cost"].default, DocumentLimits().cost} == {250_000}
    for name in (
        "query_max_characters",
        "query_max_tokens",
        "query_max_values",
        "query_max_cost",
        "rate_limit_points",
        "rate_limit_requests",
        "rate_limit_failures",
        "max_sockets",
    ):
        assert re.search(rf"\| {fields[name].default:,}( points)? \| `MUSTER_{name.upper()}`", page), name


# ---------------------------------------------------------------- outages


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError("dsn=secret"),
        TimeoutError("dsn=secret"),
        InterfaceError("dsn=secret"),  # type: ignore[no-untyped-call]  # asyncpg has no types
        InternalClientError("dsn=secret"),
        ConnectionDoesNotExistError("dsn=secret"),
        AdminShutdownError("dsn=secret"),
        DBConnectionError("dsn=secret"),
    ],
)
def test_a_database_out_of_reach_is_unavailable_and_its_reason_is_in_the_log(error: Exception) -> None:
    with capture_logs() as logs:
        published = as_graphql(error)
    (entry,) = logs
    assert published.extensions == {"code": "UNAVAILABLE", "errorId": entry["error_id"]}
    assert "secret" not in str(published.formatted)
    assert entry["exc_info"] is error


@pytest.mark.parametrize("error", [OperationalError("near SELECT"), KeyError("secret"), RecursionError(), GraphQLError("x", path=["a"])])
def test_any_other_surprise_is_a_defect(error: Exception) -> None:
    with capture_logs() as logs:
        published = publish(error if isinstance(error, GraphQLError) else GraphQLError(str(error), path=["a"], original_error=error))
    assert published.extensions == {"code": "INTERNAL_SERVER_ERROR", "errorId": logs[0]["error_id"]}
    assert publish(published) is published


class Wire:
    """A port that leads to a PostgreSQL server, until it is cut."""

    def __init__(self, port: int, there: tuple[str, int]) -> None:
        self._port = port
        self._there = there
        self._ends: set[asyncio.StreamWriter] = set()

    async def lay(self) -> None:
        """Connect every client from now on."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)

    def cut(self) -> None:
        """End every connection, and take no more."""
        self._server.close()
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._there
        is_socket = host.startswith("/")
        there = asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}") if is_socket else asyncio.open_connection(host, port)
        far_reader, far_writer = await there
        self._ends |= {writer, far_writer}
        await asyncio.gather(carry(reader, far_writer), carry(far_reader, writer), return_exceptions=True)


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(2**16):
        writer.write(data)
    writer.close()


@pytest.mark.only("postgresql")
async def test_while_the_database_is_away_requests_are_answered_503_and_then_as_before(url: str, port: int) -> None:
    token, there = await new_token(url, "Acme"), server_address(url)
    wire = Wire(port, (there.host, there.port))
    await wire.lay()
    async with (
        serving(there.through(port)) as server,
        web_client(headers={"Authorization": f"Bearer {token}"}) as client,
    ):

        async def ask() -> httpx.Response:
            return await client.post(server.url, json={"query": "{ viewer { role } }"})

        assert (await ask()).status_code == 200
        wire.cut()
        away = await ask()
        assert (away.status_code, away.json()["errors"][0]["extensions"]["code"]) == (503, "UNAVAILABLE")
        assert traces_in(away.text) == []
        await wire.lay()
        async with asyncio.timeout(DEADLINE):
            while (await ask()).status_code == 503:
                pass
        assert (await ask()).json()["data"] == {"viewer": {"role": "OWNER"}}
    wire.cut()
