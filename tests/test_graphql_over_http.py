"""The public audit of the GraphQL-over-HTTP specification, put to our server, and queries by GET where they are allowed."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import httpx
import orjson
import pytest

from app.graphql.transport.accept import EVENTS, GRAPHQL_JSON, JSON
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.requests import LONGEST_QUERY_STRING
from tests.support.http_client import web_client
from tests.support.transport_server import ADA, Service, code_of, post, serve

BOTH = [JSON, GRAPHQL_JSON]
NAMED = "query Q($n: Int!) { double(number: $n) }"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve(TransportLimits(queries_by_get=True)) as running:
        yield running


async def send(service: Service, method: str, *, accept: str | None = JSON, **parameters: str) -> httpx.Response:
    """A request without a body."""
    headers = {"Authorization": ADA, **({"Accept": accept} if accept else {})}
    async with web_client() as client:
        return await client.request(method, f"{service.url}?{urlencode(parameters)}", headers=headers)


@pytest.mark.parametrize(
    "more",
    [
        {"operationName": None},
        {"variables": None},
        {"extensions": None},
        {"operationName": "Q"},
        {"query": "query ($n: Boolean!) { hello @include(if: $n) }", "variables": {"n": True}},
        {"extensions": {"some": "value"}},
    ],
)
@pytest.mark.parametrize("media", BOTH)
async def test_parameters_may_be_given_null_or_of_their_type(service: Service, media: str, more: dict[str, object]) -> None:
    response = await post(service, {"query": "query Q { hello }", **more}, accept=media)
    assert (response.status_code, response.json()) == (200, {"data": {"hello": "world"}})
    assert response.headers["content-type"] == f"{media}; charset=utf-8"


@pytest.mark.parametrize("wrong", [{"an": "object"}, 7, True, ["an", "array"]])
@pytest.mark.parametrize("name", ["query", "operationName"])
@pytest.mark.parametrize("media", BOTH)
async def test_a_parameter_that_is_no_text_is_refused(service: Service, media: str, name: str, wrong: object) -> None:
    response = await post(service, {"query": "{ hello }", name: wrong}, accept=media)
    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize("wrong", ["text", 7, True, ["an", "array"]])
@pytest.mark.parametrize("name", ["variables", "extensions"])
@pytest.mark.parametrize("media", BOTH)
async def test_a_parameter_that_is_no_object_is_refused(service: Service, media: str, name: str, wrong: object) -> None:
    response = await post(service, {"query": "{ hello }", name: wrong}, accept=media)
    assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


async def test_characters_of_all_kinds_go_both_ways(service: Service) -> None:
    body = {"query": "query ($v: JSON!) { echo(value: $v) }", "variables": {"v": "Run🏃Swim🏊 ß \u2028"}}
    for content_type in (JSON, f"{JSON}; charset=utf-8", f'{JSON};charset="UTF-8"'):
        response = await post(service, body, content_type=content_type)
        assert orjson.loads(response.content) == {"data": {"echo": "Run🏃Swim🏊 ß \u2028"}}


async def test_a_body_in_another_encoding_is_refused(service: Service) -> None:
    response = await post(service, '{"query": "{ hello } # ß"}'.encode("latin-1"), content_type=f"{JSON}; charset=iso-8859-1")
    assert (response.status_code, code_of(response)) == (415, "BAD_USER_INPUT")


async def test_a_compressed_body_is_refused_with_what_would_be_taken(service: Service) -> None:
    headers = {"Authorization": ADA, "Content-Type": JSON, "Content-Encoding": "gzip"}
    async with web_client() as client:
        response = await client.post(service.url, content=b"{}", headers=headers)
    assert (response.status_code, code_of(response)) == (415, "BAD_USER_INPUT")
    assert response.headers["accept-encoding"] == "identity"


async def test_answers_are_kept_by_nobody(service: Service) -> None:
    assert (await post(service, {"query": "{ hello }"})).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", [*BOTH, "*/*", None])
async def test_a_query_may_be_sent_by_get(service: Service, accept: str | None) -> None:
    response = await send(service, "GET", accept=accept, query=NAMED, variables='{"n": 21}', operationName="Q", extensions="{}")
    assert (response.status_code, response.json()) == (200, {"data": {"double": 42}})
    assert response.headers["content-type"].startswith(accept if accept in BOTH else JSON)


async def test_parameters_that_are_empty_count_as_absent(service: Service) -> None:
    response = await send(service, "GET", query="{ hello }", variables="", operationName="", extensions="")
    assert response.json() == {"data": {"hello": "world"}}


@pytest.mark.parametrize("accept", [*BOTH, EVENTS])
@pytest.mark.parametrize(
    "more", [{"query": "mutation { rename }"}, {"query": "query A { hello } mutation B { rename }", "operationName": "B"}]
)
async def test_a_mutation_by_get_is_sent_to_post(service: Service, accept: str, more: dict[str, str]) -> None:
    response = await send(service, "GET", accept=accept, **more)
    assert (response.status_code, response.headers["allow"], code_of(response)) == (405, "OPTIONS, POST", "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({}, 400, "BAD_USER_INPUT"),
        ({"query": "{ hello }", "variables": "{"}, 400, "BAD_USER_INPUT"),
        ({"query": "{ hello }", "variables": "[1]"}, 400, "BAD_USER_INPUT"),
        ({"query": "{ hello }", "extensions": "1"}, 400, "BAD_USER_INPUT"),
        ({"query": "{ hello"}, 400, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{a" * 2_000}, 400, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, 400, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "subscription { wait }"}, 400, "BAD_USER_INPUT"),
        ({"query": "query A { hello } mutation B { rename }"}, 400, "BAD_USER_INPUT"),
        ({"query": "{ hello }" + " " * LONGEST_QUERY_STRING}, 414, "BAD_USER_INPUT"),
    ],
)
async def test_a_get_that_cannot_be_run_says_why(service: Service, parameters: dict[str, str], status: int, code: str) -> None:
    response = await send(service, "GET", accept=GRAPHQL_JSON, **parameters)
    assert (response.status_code, code_of(response)) == (status, code)


async def test_a_subscription_by_get_is_streamed_to_who_asks_for_events(service: Service) -> None:
    response = await send(service, "GET", accept=EVENTS, query="subscription { count(to: 1) }")
    assert response.headers["content-type"].startswith(EVENTS)
    assert 'event: next\ndata: {"data":{"count":0}}' in response.text


async def test_a_get_without_a_token_is_refused(service: Service) -> None:
    async with web_client() as client:
        response = await client.get(service.url, params={"query": "{ hello }"})
    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")


async def test_who_asks_for_the_options_is_told_the_methods(service: Service) -> None:
    response = await send(service, "OPTIONS")
    assert (response.status_code, response.headers["allow"], response.content) == (204, "GET, OPTIONS, POST", b"")


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_not_served(service: Service, method: str) -> None:
    response = await send(service, method, query="{ hello }")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, OPTIONS, POST")
