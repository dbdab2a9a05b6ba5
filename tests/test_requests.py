"""What operators can tell of a request: its id, its line in the log, and labels that no client can multiply."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.datastructures import Headers
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from app.graphql import GraphQLApp
from app.graphql.execution.wire import GraphQLRequest
from app.graphql.transport.limits import TransportLimits
from app.telemetry import Telemetry
from app.telemetry.document import REFUSED, OperationLabels, labels_of
from app.telemetry.requests import ObservedRequests, request_id_of
from models.errors import Unauthenticated
from tests.support.http_client import web_client
from tests.support.transport_server import ADA, Context, Probe, small_schema

SECRET = "a value that nobody logs"


@asynccontextmanager
async def observed() -> AsyncIterator[tuple[httpx.AsyncClient, Telemetry]]:
    """The small schema behind the observing application."""

    async def authenticate(authorization: str | None, *_: object) -> Context:
        if authorization != ADA:
            raise Unauthenticated
        return Context(1, 0, Probe())

    telemetry = Telemetry()
    graphql = GraphQLApp(small_schema(), authenticate, TransportLimits(), observe=telemetry.operation)
    application = ObservedRequests(Starlette(routes=graphql.routes("/graphql")), telemetry.metrics, None, access_log=True)
    async with web_client(transport=httpx.ASGITransport(application), base_url="http://test") as client:
        yield client, telemetry


async def post(client: httpx.AsyncClient, query: str, headers: dict[str, str] | None = None, **more: Any) -> httpx.Response:
    return await client.post("/graphql", json={"query": query, **more}, headers={"Authorization": ADA, **(headers or {})})


@given(st.text(st.characters(max_codepoint=255), max_size=200))
def test_whatever_a_client_sends_an_id_is_short_and_cannot_forge_a_line(sent: str) -> None:
    given_id = request_id_of(Headers({"X-Request-ID": sent}))
    assert 8 <= len(given_id) <= 128
    assert given_id.isascii()
    assert given_id.isprintable()
    assert " " not in given_id


async def test_an_answer_carries_the_id_of_its_request_or_a_new_one() -> None:
    async with observed() as (client, _):
        assert (await post(client, "{ hello }", {"X-Request-ID": "from-the-proxy.1"})).headers["x-request-id"] == "from-the-proxy.1"
        made = [(await post(client, "{ hello }")).headers["x-request-id"] for _ in range(2)]
        assert len(set(made)) == 2


async def test_a_line_says_whose_request_it_was_and_no_secret() -> None:
    async with observed() as (client, _):
        with capture_logs(processors=[merge_contextvars]) as logs:
            query = "query Repeat($n: JSON!) { echo(value: $n) }"
            await post(client, query, {"X-Request-ID": "id-of-this"}, operationName="Repeat", variables={"n": SECRET})
        (line,) = logs
        assert line["milliseconds"] > 0
        told = {name: line[name] for name in ("event", "request_id", "method", "path", "status", "operation", "account")}
        assert told == {
            "event": "request",
            "request_id": "id-of-this",
            "method": "POST",
            "path": "/graphql",
            "status": 200,
            "operation": "Repeat",
            "account": 1,
        }
        assert ADA.split()[1] not in str(line)
        assert SECRET not in str(line)


async def test_a_defect_is_logged_with_the_id_of_its_request_and_no_later_line_is() -> None:
    async with observed() as (client, _):
        with capture_logs(processors=[merge_contextvars]) as logs:
            answer = await post(client, '{ fail(kind: "") }', {"X-Request-ID": "id-of-this"})
            await client.get("/nowhere%0Aforged")
        defect, line, other = logs
        assert defect["error_id"] == answer.json()["errors"][0]["extensions"]["errorId"]
        assert (defect["request_id"], line["request_id"]) == ("id-of-this", "id-of-this")
        assert other["request_id"] != "id-of-this"
        assert (other["path"], other["status"]) == ("/nowhere%0Aforged", 404)
        assert "account" not in other


async def test_requests_operations_and_errors_are_counted() -> None:
    async with observed() as (client, telemetry):
        for query in ("{ hello }", "{ a: hello b: hello }", "mutation { rename }", "{ nope }", '{ fail(kind: "role") }'):
            await post(client, query)
        await client.post("/graphql", json={"query": "{ hello }"})
        registry = telemetry.metrics.registry

        def count(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(name, labels)

        assert count("muster_http_requests_total", status="200") == 5
        assert count("muster_http_requests_total", status="401") == 1
        kinds = [("query", "hello"), ("query", "several"), ("mutation", "rename"), ("refused", "none"), ("query", "fail")]
        assert [count("muster_operation_duration_seconds_count", kind=kind, field=name) for kind, name in kinds] == [1] * 5
        assert count("muster_operation_errors_total", code="GRAPHQL_VALIDATION_FAILED") == 1
        assert count("muster_operation_errors_total", code="FORBIDDEN") == 1


@pytest.mark.parametrize(
    ("query", "name", "found"),
    [
        ("{ hello }", None, OperationLabels("query", "hello")),
        ("query Any { mine: hello }", None, OperationLabels("query", "hello")),
        ("query A { hello } mutation B { rename }", "B", OperationLabels("mutation", "rename")),
        ("query A { hello } mutation B { rename }", "C", REFUSED),
        ("{ ... { hello } }", None, OperationLabels("query", "several")),
        ("{ hello", None, REFUSED),
    ],
)
async def test_an_operation_is_named_by_the_schema_and_never_by_its_client(query: str, name: str | None, found: OperationLabels) -> None:
    assert [await labels_of(GraphQLRequest(query, None, name)) for _ in range(2)] == [found, found]
