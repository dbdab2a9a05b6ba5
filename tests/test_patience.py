"""Clients that keep the server waiting over HTTP: who sends no whole request, or takes no whole answer, is hung up on."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from app.graphql.transport.accept import JSON
from app.graphql.transport.uvicorn_protocols import LONGEST_HEAD, HttpProtocol
from tests.support.transport_server import ADA, DEADLINE, Service, serve

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PATIENCE = 0.1
LARGE = "query ($v: JSON!) {" + " ".join(f"a{number}: echo(value: $v)" for number in range(20)) + "}"  # 20 times what it is sent
HELD, HELLO = b'{"data":{"held":"let go"}}', b'{"data":{"hello":"world"}}'
HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve(patience=PATIENCE) as running:
        yield running


@asynccontextmanager
async def connected(service: Service, first: bytes = b"") -> AsyncIterator[Connection]:
    """A connection that reads nothing of its own accord. The server finds the first bytes with it, however slow this process is."""
    client = socket.create_connection(("127.0.0.1", service.port))
    client.sendall(first)
    reader, writer = await asyncio.open_connection(sock=client, limit=1_000)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def request(query: str, value: object = None) -> bytes:
    body = orjson.dumps({"query": query, "variables": {"v": value} if "$v" in query else {}})
    headers = {"Authorization": ADA, "Content-Type": JSON, "Content-Length": len(body)}
    return HEAD + "".join(f"{name}: {given}\r\n" for name, given in headers.items()).encode() + b"\r\n" + body


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the server has no event for."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110  # for want of an event
            await asyncio.sleep(0)


async def until_known(service: Service) -> None:
    """Wait until the server holds a connection."""
    await until(lambda: service.server.server_state.connections)


async def until_begun(service: Service) -> None:
    """Wait until the server has read something of a request."""
    await until(lambda: any(isinstance(each, HttpProtocol) and each.scope for each in service.server.server_state.connections))


async def until_answered(service: Service) -> None:
    """Wait until the server has written as much of an answer as the client takes."""
    await until(lambda: any(isinstance(each, HttpProtocol) and each.flow.write_paused for each in service.server.server_state.connections))


async def until_forgotten(service: Service) -> None:
    """Wait until the server holds no connection."""
    await until(lambda: not service.server.server_state.connections)


@pytest.mark.parametrize("sent", [b"", b"\r\n", HEAD, HEAD + b"Content-Length: 9\r\nContent-Type: application/json\r\n\r\n{"])
async def test_who_does_not_send_a_whole_request_is_hung_up_on(service: Service, sent: bytes) -> None:
    async with connected(service, sent):
        await until_known(service)
        await until_forgotten(service)


async def test_who_sends_byte_by_byte_gains_no_time(service: Service) -> None:
    async with connected(service, HEAD) as (reader, writer):
        async with asyncio.timeout(DEADLINE):
            while not reader.at_eof() and not reader.exception():
                writer.write(b"X")
                await asyncio.sleep(0)
        await until_forgotten(service)


@pytest.mark.parametrize("afterwards", [b"", request("{ hello }")], ids=["nothing", "a request"])
async def test_who_takes_no_answer_is_hung_up_on_whatever_it_sends(service: Service, afterwards: bytes) -> None:
    async with connected(service) as (_, writer):
        writer.write(request(LARGE, "x" * 2**19))
        await until_answered(service)
        writer.write(afterwards)
        await until_forgotten(service)


async def test_who_asks_again_and_again_stays(service: Service) -> None:
    ends = asyncio.get_running_loop().time() + 5 * PATIENCE
    async with connected(service, request("{ hello }")) as (reader, writer), asyncio.timeout(DEADLINE):
        while asyncio.get_running_loop().time() < ends:
            await reader.readuntil(HELLO)
            writer.write(request("{ hello }"))


async def test_who_waits_for_an_answer_stays(service: Service) -> None:
    service.probe.may_execute.clear()
    asyncio.get_running_loop().call_later(5 * PATIENCE, service.probe.may_execute.set)
    async with connected(service, request("{ held }")) as (reader, _), asyncio.timeout(DEADLINE):
        await reader.readuntil(HELD)


async def test_an_answer_may_be_completed_just_before_the_server_looks(service: Service) -> None:
    loop = asyncio.get_running_loop()
    service.probe.may_execute.clear()
    async with connected(service, request("{ held }")) as (reader, writer), asyncio.timeout(DEADLINE):
        await until_known(service)
        loop.call_later(1.5 * PATIENCE, service.probe.may_execute.set)
        loop.call_later(2.8 * PATIENCE, writer.write, request("{ hello }"))
        await reader.readuntil(HELD)
        await reader.readuntil(HELLO)


async def test_who_has_sent_more_than_the_server_reads_for_now_stays(service: Service) -> None:
    service.probe.may_execute.clear()
    asyncio.get_running_loop().call_later(5 * PATIENCE, service.probe.may_execute.set)
    async with connected(service, request("{ held }")) as (reader, writer), asyncio.timeout(DEADLINE):
        writer.write(request("{ hello }", "x" * 2**19))
        await reader.readuntil(HELD)
        await reader.readuntil(HELLO)


@pytest.mark.parametrize("begun", [b"X: ", b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: "], ids=["head", "trailers"])
async def test_a_head_that_is_too_long_is_refused_before_it_ends(begun: bytes) -> None:
    async with serve() as service, connected(service, HEAD + begun) as (reader, writer), asyncio.timeout(DEADLINE):
        await until_begun(service)
        writer.write(b"x" * (LONGEST_HEAD + 1))
        await reader.readuntil(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
        await until_forgotten(service)


async def test_many_heads_may_be_longer_together_than_one_may_be() -> None:
    rest = b"X: " + b"x" * (LONGEST_HEAD // 4) + b"\r\n" + request("{ hello }").removeprefix(HEAD)
    async with serve() as service, connected(service, HEAD) as (reader, writer), asyncio.timeout(DEADLINE):
        for _ in range(8):
            writer.write(rest + HEAD)
            await reader.readuntil(HELLO)


async def test_what_follows_a_body_is_no_header() -> None:
    body = orjson.dumps({"query": "{ hello }"})
    head = HEAD + f"Authorization: {ADA}\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunked = b"%x\r\n%b\r\n0\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n" % (len(body), body)
    async with serve() as service, connected(service, head + chunked) as (reader, _), asyncio.timeout(DEADLINE):
        await reader.readuntil(HELLO)
        (line,) = service.server.server_state.connections
        assert isinstance(line, HttpProtocol)
        assert b"transfer-encoding" in dict(line.scope["headers"])
        assert b"x-forwarded-for" not in dict(line.scope["headers"])
