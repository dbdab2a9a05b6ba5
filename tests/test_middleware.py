"""Pages of other origins, and compression, through a real server with the layers that the product puts around its routes."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from app.graphql.transport.accept import EVENTS, JSON
from app.running.middleware import COMPRESSED_FROM, middleware
from app.settings import Settings
from tests.support.http_client import web_client
from tests.support.transport_server import ADA, DEADLINE, Service, serve

SHOP = "https://shop.example"
ECHO = "query ($v: JSON!) { echo(value: $v) }"


@asynccontextmanager
async def layered(*origins: str, **settings: bool) -> AsyncIterator[Service]:
    layers = middleware(Settings(database_url="sqlite:///unused.db", allowed_origins=origins, **settings))  # type: ignore[arg-type]  # flags
    async with serve(layers=layers) as service:
        yield service


async def preflight(service: Service, origin: str, method: str = "POST", headers: str = "authorization,content-type") -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    async with web_client() as client:
        return await client.options(service.url, headers=asked)


async def ask(service: Service, body: object, **headers: str) -> httpx.Response:
    async with web_client() as client:
        return await client.post(service.url, json=body, headers={"Authorization": ADA, **headers})


@pytest.mark.parametrize("written", [SHOP, "HTTPS://Shop.example:443"])
async def test_pages_of_an_allowed_origin_may_ask_and_read_the_answer(written: str) -> None:
    async with layered(written) as service:
        allowed = await preflight(service, SHOP)
        assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, SHOP)
        assert allowed.headers["access-control-allow-methods"] == "POST"
        assert "access-control-allow-credentials" not in allowed.headers
        answer = await ask(service, {"query": "{ hello }"}, Origin=SHOP)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, SHOP)
        assert "Origin" in answer.headers["vary"]
        assert "Retry-After" in answer.headers["access-control-expose-headers"]


async def test_pages_of_an_allowed_origin_can_read_why_they_were_refused() -> None:
    async with layered(SHOP) as service:
        answer = await ask(service, {"query": "{ hello }"}, Origin=SHOP, Authorization="Bearer eve")
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, SHOP)


@pytest.mark.parametrize("origins", [[], [SHOP]])
@pytest.mark.parametrize("origin", ["https://evil.example", "http://shop.example", "https://shop.example.evil", "null"])
async def test_pages_of_other_origins_are_not_told_that_they_may(origins: list[str], origin: str) -> None:
    async with layered(*origins) as service:
        for response in (await preflight(service, origin), await ask(service, {"query": "{ hello }"}, Origin=origin)):
            assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(("method", "headers"), [("PUT", ""), ("GET", ""), ("POST", "x-other")])
async def test_a_preflight_for_what_is_not_served_fails(method: str, headers: str) -> None:
    async with layered(SHOP) as service:
        assert (await preflight(service, SHOP, method, headers)).status_code == 400


async def test_a_preflight_for_get_succeeds_where_queries_may_be_sent_so() -> None:
    async with layered(SHOP, allow_get_queries=True) as service:
        assert (await preflight(service, SHOP, "GET")).status_code == 200


@pytest.mark.parametrize(("encodings", "size", "compressed"), [
    ("gzip, br", COMPRESSED_FROM, True),
    ("gzip, br", 10, False),
    ("identity", COMPRESSED_FROM, False),
    ("", COMPRESSED_FROM, False),
    ("gzip;q=0", COMPRESSED_FROM, False),
    ("gzip;q=0, *", COMPRESSED_FROM, False),
    ("gzip;q=0.5, identity", COMPRESSED_FROM, False),
    ("gzip;q=0.5, *", COMPRESSED_FROM, False),
    ("br, notgzip", COMPRESSED_FROM, False),
    ("GZip ; Q=0.5, identity;q=0.5", COMPRESSED_FROM, True),
    ("identity;q=0.5, *", COMPRESSED_FROM, True),
    ("x-gzip", COMPRESSED_FROM, True),
])  # fmt: skip
async def test_large_answers_are_compressed_for_those_who_take_it(encodings: str, size: int, *, compressed: bool) -> None:
    value = "é" * size
    headers = {"Authorization": ADA, "Accept-Encoding": encodings}
    async with layered() as service, web_client() as client:
        request = client.build_request("POST", service.url, json={"query": ECHO, "variables": {"v": value}}, headers=headers)
        response = await client.send(request, stream=True)
        raw = b"".join([piece async for piece in response.aiter_raw()])
        assert (response.headers.get("content-encoding") == "gzip") is compressed
        assert (gzip.decompress(raw) if compressed else raw).decode() == f'{{"data":{{"echo":"{value}"}}}}'
        if size == COMPRESSED_FROM:
            assert "Accept-Encoding" in response.headers["vary"]


async def test_streams_are_neither_compressed_nor_held_back() -> None:
    headers = {"Authorization": ADA, "Accept": EVENTS, "Accept-Encoding": "gzip", "Content-Type": JSON}
    async with (
        layered() as service,
        web_client() as client,
        client.stream("POST", service.url, json={"query": "subscription { wait }"}, headers=headers) as response,
        asyncio.timeout(DEADLINE),
    ):
        assert "content-encoding" not in response.headers
        async for line in response.aiter_lines():  # there is no more after the first event
            if line == 'data: {"data":{"wait":0}}':
                break
