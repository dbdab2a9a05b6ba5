"""Server-sent events, through a real server: graphql-sse's distinct connections."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from structlog.testing import capture_logs

from app.graphql.transport.accept import EVENTS, JSON
from app.graphql.transport.limits import TransportLimits
from resolvers.access.sign_in import Lapse
from tests.support.http_client import web_client
from tests.support.transport_server import ADA, BOB, DEADLINE, Service, code_of, post, serve


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as running:
        yield running


async def events(response: httpx.Response) -> AsyncIterator[tuple[str, object]]:
    """The events of a stream by name and data, without comments."""
    name = ""
    async with asyncio.timeout(DEADLINE):
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, orjson.loads(value) if value else None


async def stream(service: Service, query: str) -> list[tuple[str, object]]:
    headers = {"Authorization": ADA, "Accept": EVENTS}
    async with (
        web_client() as client,
        client.stream("POST", service.url, json={"query": query}, headers=headers) as response,
    ):
        assert (response.status_code, response.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        return [event async for event in events(response)]


async def test_a_subscription_is_streamed_as_events(service: Service) -> None:
    assert await stream(service, "subscription { count(to: 2) }") == [
        ("next", {"data": {"count": 0}}),
        ("next", {"data": {"count": 1}}),
        ("complete", None),
    ]


async def test_a_stream_shows_life_before_anything_else_and_ends_with_complete(service: Service) -> None:
    response = await post(service, {"query": "{ hello }"}, accept=EVENTS)
    assert response.text == ': alive\n\nevent: next\ndata: {"data":{"hello":"world"}}\n\nevent: complete\ndata: \n\n'


async def test_a_query_can_be_asked_for_as_events(service: Service) -> None:
    assert await stream(service, "{ hello }") == [("next", {"data": {"hello": "world"}}), ("complete", None)]


@pytest.mark.parametrize(
    ("query", "code"),
    [("{", "GRAPHQL_PARSE_FAILED"), ("{ no }", "GRAPHQL_VALIDATION_FAILED"), ("subscription { breaks }", "INTERNAL_SERVER_ERROR")],
)
async def test_an_error_is_an_event_and_completes_the_stream(service: Service, query: str, code: str) -> None:
    with capture_logs():
        *_, (name, answer), last = await stream(service, query)
    assert isinstance(answer, dict)
    assert (name, answer["errors"][0]["extensions"]["code"], last) == ("next", code, ("complete", None))


async def test_a_fault_is_told_in_place_of_the_answer_that_it_spoilt_and_completes_the_stream(service: Service) -> None:
    service.probe.faults[2] = ConnectionResetError("dsn=secret")
    service.probe.tick()
    service.probe.tick()
    with capture_logs():
        first, (name, spoilt), last = await stream(service, "subscription { ticks { number frail } }")
    assert first == ("next", {"data": {"ticks": {"number": 1, "frail": 1}}})
    assert isinstance(spoilt, dict)
    assert (name, list(spoilt), spoilt["errors"][0]["extensions"]["code"]) == ("next", ["errors"], "UNAVAILABLE")
    assert last == ("complete", None)


async def test_a_stream_without_a_valid_token_is_refused_in_json(service: Service) -> None:
    response = await post(service, {"query": "subscription { wait }"}, accept=EVENTS, token="")
    assert (response.status_code, code_of(response)) == (401, "UNAUTHENTICATED")


async def test_a_stream_beyond_the_limit_of_connections_is_told_to_try_again() -> None:
    async with serve(TransportLimits(connections=1)) as service, service.socket() as peer:
        await peer.sign_in()
        response = await post(service, {"query": "subscription { wait }"}, accept=EVENTS)
        assert (response.status_code, code_of(response)) == (503, "UNAVAILABLE")
        assert (await post(service, {"query": "{ hello }"})).status_code == 200


async def test_a_stream_beyond_what_one_user_may_have_is_refused_and_leaves_nothing_behind() -> None:
    async with serve(TransportLimits(connections=2, connections_of_one=1)) as service, service.socket() as peer:
        await peer.sign_in()
        for _ in range(3):
            response = await post(service, {"query": "subscription { wait }"}, accept=EVENTS)
            assert (response.status_code, code_of(response)) == (503, "UNAVAILABLE")
            assert "one user" in response.text


@pytest.mark.parametrize("end", ["token", "role", "shutdown", "client"])
async def test_a_stream_ends_with_its_token_its_server_or_its_client(service: Service, end: str) -> None:
    headers = {"Authorization": ADA, "Accept": EVENTS}
    async with (
        web_client() as client,
        client.stream("POST", service.url, json={"query": "subscription { wait }"}, headers=headers) as response,
    ):
        told = events(response)
        assert await anext(told) == ("next", {"data": {"wait": 0}})
        assert service.token_ids() == {1}
        if end == "token":
            service.end_tokens(1, 7)
            name, answer = await anext(told)
            assert isinstance(answer, dict)
            assert (name, answer["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
            assert [event async for event in told] == [("complete", None)]
        elif end == "role":
            service.end_tokens(1, lapse=Lapse.CHANGED)
            assert [event async for event in told] == []
        elif end == "shutdown":
            service.app.close()
            assert [event async for event in told] == []
    await service.probe.until("wait", 0)
    await service.until_tokens()


async def test_a_quiet_stream_shows_signs_of_life() -> None:
    headers = {"Authorization": ADA, "Accept": EVENTS}
    async with (
        serve(TransportLimits(ping_seconds=0.01)) as service,
        web_client() as client,
        client.stream("POST", service.url, json={"query": "subscription { wait }"}, headers=headers) as response,
        asyncio.timeout(DEADLINE),
    ):
        signs = 0
        async for line in response.aiter_lines():
            signs += line.startswith(":")
            if signs == 3:
                break


async def test_a_stream_whose_client_does_not_read_is_given_up() -> None:
    async with serve(TransportLimits(send_seconds=0.1)) as service, asyncio.timeout(DEADLINE):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1_000)
        body = b'{"query": "subscription { flood }"}'
        headers = {"Host": "x", "Authorization": BOB, "Accept": EVENTS, "Content-Type": JSON, "Content-Length": len(body)}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"POST /graphql HTTP/1.1\r\n{head}\r\n".encode() + body)
        await service.probe.until("flood", 1)
        await service.probe.until("flood", 0)
        assert service.probe.sent < 2**25
        await service.until_tokens()
        assert not service.server.server_state.connections, "the server still holds the connection"
        writer.transport.abort()
