"""GraphQL over HTTP and server-sent events, through a real server."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from gql import Client, gql
from gql.transport.httpx import HTTPXAsyncTransport
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.graphql.execution.wire import read_request
from app.graphql.transport.accept import EVENTS, GRAPHQL_JSON, JSON, preferred
from app.graphql.transport.limits import TransportLimits
from models.errors import BadInput
from tests.support.http_client import web_client
from tests.support.transport_server import ADA, DEADLINE, Service, code_of, post, serve

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["query", "variables", "operationName", "extensions", "x"]), inner, max_size=4)
    ),
)


@settings(deadline=None)
@given(json_values)
def test_any_json_value_is_either_a_request_or_bad_input(value: object) -> None:
    try:
        request = read_request(value)
    except BadInput:
        return
    assert request.query
    assert isinstance(request.variables, dict | None)
    assert isinstance(request.operation_name, str | None)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as running:
        yield running


async def test_a_query_is_answered_in_json(service: Service) -> None:
    response = await post(service, {"query": "{ hello }"})
    assert (response.status_code, response.json()) == (200, {"data": {"hello": "world"}})
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("token", ["", "Bearer eve", "Basic YWRh"])
async def test_a_request_without_a_valid_token_is_refused_with_a_challenge(service: Service, token: str) -> None:
    response = await post(service, {"query": "{ hello }"}, token=token)
    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_fault_while_authenticating_is_masked(service: Service) -> None:
    with capture_logs() as logs:
        response = await post(service, {"query": "{ hello }"}, token="Bearer broken")
    assert (response.status_code, code_of(response)) == (500, "INTERNAL_SERVER_ERROR")
    assert "secret" not in response.text
    assert logs[0]["error_id"] == response.json()["errors"][0]["extensions"]["errorId"]


async def test_each_request_has_a_context_of_its_own(service: Service) -> None:
    serials = [(await post(service, {"query": "{ serial }"})).json()["data"]["serial"] for _ in range(2)]
    assert serials[0] != serials[1]


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (None, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("APPLICATION/GraphQL-Response+JSON;charset=utf-8", GRAPHQL_JSON),
        (f"{JSON}, {GRAPHQL_JSON}", JSON),
        (f"{JSON};q=0.8, {GRAPHQL_JSON};q=0.9", GRAPHQL_JSON),
        (f"{GRAPHQL_JSON}, application/graphql+json, {JSON}, {EVENTS}, multipart/mixed", GRAPHQL_JSON),
        (f"{EVENTS}, multipart/mixed", EVENTS),
        (f"{EVENTS};q=0, */*", JSON),
        (f"{EVENTS}, {JSON}", EVENTS),
        ("text/html", None),
        (f"{JSON};q=nonsense", None),
    ],
)
def test_the_media_type_is_the_one_the_client_prefers(accept: str | None, media: str | None) -> None:
    assert preferred(accept) == media


NO_DATA = [
    ({"query": "{ hello"}, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query ($n: Int!) { double(number: $n) }", "variables": {"n": "x"}}, "BAD_USER_INPUT"),
    ({"query": "query ($n: Int!) { double(number: $n) }"}, "BAD_USER_INPUT"),
    ({"query": "query A { hello }", "operationName": "B"}, "BAD_USER_INPUT"),
    ({"query": "query A { hello } query B { serial }"}, "BAD_USER_INPUT"),
    ({"query": "subscription { count(to: 1) }"}, "BAD_USER_INPUT"),
]


@pytest.mark.parametrize(("body", "code"), NO_DATA)
@pytest.mark.parametrize("media", [JSON, GRAPHQL_JSON])
async def test_an_operation_that_never_began_has_no_data(service: Service, body: object, code: str, media: str) -> None:
    response = await post(service, body, accept=media)
    assert (response.status_code, code_of(response)) == (400 if media == GRAPHQL_JSON else 200, code)
    assert response.headers["content-type"].startswith(media)
    assert "data" not in response.json()


@pytest.mark.parametrize("media", [JSON, GRAPHQL_JSON])
async def test_an_operation_that_failed_midway_has_data(service: Service, media: str) -> None:
    response = await post(service, {"query": '{ hello fail(kind: "input") }'}, accept=media)
    assert (response.status_code, code_of(response)) == (200, "BAD_USER_INPUT")
    assert response.json()["data"] == {"hello": "world", "fail": None}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b'"x"',
        b"1",
        b"null",
        b"true",
        b"[]",
        b'[{"query": "{ hello }"}]',
        b"{}",
        b'{"query": ""}',
        b'{"query": 1}',
        b'{"query": "\xff"}',
        b'{"query": "{ hello }", "operationName": "\\ud800"}',
        b'{"query": "{ hello }", "operationName": 1}',
        b'{"query": "{ hello }", "variables": [1]}',
        b'{"query": "{ hello }", "variables": "{}"}',
        b'{"query": "{ hello }", "extensions": 1}',
        b'{"query": "{ hello }", "variables": {"a": NaN}}',
        b"[" * 100_000,
        b'{"variables":' + b'{"a":' * 100_000,
    ],
)
async def test_a_body_that_is_no_request_is_bad_input(service: Service, body: bytes) -> None:
    response = await post(service, body)
    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


async def test_deeply_nested_variables_are_bad_input(service: Service) -> None:
    body = b'{"query": "query ($t: Tree!) { grow(tree: $t) }", "variables": {"t": ' + b'{"below":' * 900 + b"null" + b"}" * 902
    response = await post(service, body)
    assert (response.status_code, code_of(response)) == (200, "BAD_USER_INPUT")


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_body_that_a_form_could_send_is_refused(service: Service, content_type: str) -> None:
    response = await post(service, {"query": "mutation { rename }"}, content_type=content_type)
    assert (response.status_code, code_of(response)) == (415, "BAD_USER_INPUT")


async def test_a_media_type_is_compared_without_case(service: Service) -> None:
    assert (await post(service, {"query": "{ hello }"}, content_type="Application/JSON; charset=UTF-8")).status_code == 200


async def test_an_accept_header_that_nothing_satisfies_is_refused(service: Service) -> None:
    response = await post(service, {"query": "{ hello }"}, accept="text/html")
    assert (response.status_code, code_of(response)) == (406, "BAD_USER_INPUT")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("query", ["{ hello }", "mutation { rename }"])
async def test_only_post_is_served(service: Service, method: str, query: str) -> None:
    async with web_client() as client:
        response = await client.request(method, service.url, params={"query": query}, headers={"Authorization": ADA})
    assert (response.status_code, response.headers["allow"]) == (405, "OPTIONS, POST")
    assert code_of(response) == "BAD_USER_INPUT"


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_beyond_the_limit_is_refused(*, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100

    async with serve(TransportLimits(body_bytes=1_000)) as service, web_client() as client:
        headers = {"Authorization": ADA, "Content-Type": JSON}
        response = await client.post(service.url, content=pieces() if chunked else b" " * 2_000, headers=headers)
        assert (response.status_code, code_of(response)) == (413, "BAD_USER_INPUT")
        assert (await post(service, {"query": "{ hello }"})).status_code == 200


async def test_operations_are_chosen_by_name(service: Service) -> None:
    body = {"query": "query A { hello } mutation B { rename }", "operationName": "B"}
    assert (await post(service, body)).json() == {"data": {"rename": "renamed"}}


async def test_gql_runs_queries_and_mutations(service: Service) -> None:
    transport = HTTPXAsyncTransport(url=service.url, headers={"Authorization": ADA}, trust_env=False)
    async with asyncio.timeout(DEADLINE), Client(transport=transport, fetch_schema_from_transport=True) as session:
        assert await session.execute(gql("{ hello }")) == {"hello": "world"}
        assert await session.execute(gql("mutation { rename }")) == {"rename": "renamed"}
