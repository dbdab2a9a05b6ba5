"""Clients that keep the server waiting over HTTP: who sends no whole request, or takes no whole answer, is hung up on."""

import asyncio
from collections.abc import AsyncIterator

import orjson
import pytest

from app.graphql.accept import JSON
from app.graphql.line import LONGEST_HEAD, HttpLine
from tests.serving import ADA, DEADLINE, Service, serve

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

PATIENCE = 0.1
ECHO = "query ($v: JSON!) { echo(value: $v) }"
HEAD = b"POST /graphql HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve(patience=PATIENCE) as running:
        yield running


@pytest.fixture
async def connection(service: Service) -> AsyncIterator[Connection]:
    """A connection that reads nothing of its own accord."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1_000)
    yield reader, writer
    writer.transport.abort()


def request(query: str, value: object = None) -> bytes:
    body = orjson.dumps({"query": query, "variables": {"v": value}})
    headers = {"Authorization": ADA, "Content-Type": JSON, "Content-Length": len(body)}
    return HEAD + "".join(f"{name}: {given}\r\n" for name, given in headers.items()).encode() + b"\r\n" + body


async def until_forgotten(service: Service) -> None:
    """Wait until the server holds no connection."""
    async with asyncio.timeout(DEADLINE):
        while service.server.server_state.connections:  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize("sent", [b"", b"\r\n", HEAD, HEAD + b"Content-Length: 9\r\nContent-Type: application/json\r\n\r\n{"])
async def test_who_does_not_send_a_whole_request_is_hung_up_on(service: Service, connection: Connection, sent: bytes) -> None:
    _, writer = connection
    writer.write(sent)
    await writer.drain()
    async with asyncio.timeout(DEADLINE):
        while not service.server.server_state.connections:  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0)
    await until_forgotten(service)


async def test_who_sends_byte_by_byte_gains_no_time(service: Service, connection: Connection) -> None:
    reader, writer = connection
    writer.write(HEAD)
    async with asyncio.timeout(DEADLINE):
        while not reader.at_eof() and not reader.exception():
            writer.write(b"X")
            await asyncio.sleep(0)
    await until_forgotten(service)


async def test_who_does_not_take_a_whole_answer_is_hung_up_on(connection: Connection) -> None:
    async with serve(patience=PATIENCE) as service:
        _, writer = await asyncio.open_connection("127.0.0.1", service.port, limit=1_000)
        for _ in range(20):
            writer.write(request(ECHO, "x" * 2**19))
        await until_forgotten(service)
        writer.transport.abort()
        assert service.server.server_state.total_requests > 0


async def test_who_asks_again_and_again_stays(service: Service, connection: Connection) -> None:
    reader, writer = connection
    ends = asyncio.get_running_loop().time() + 5 * PATIENCE
    async with asyncio.timeout(DEADLINE):
        while asyncio.get_running_loop().time() < ends:
            writer.write(request("{ hello }"))
            assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            await reader.readuntil(b'{"data":{"hello":"world"}}')


async def test_who_waits_for_an_answer_stays(service: Service, connection: Connection) -> None:
    reader, writer = connection
    service.probe.may_execute.clear()
    asyncio.get_running_loop().call_later(5 * PATIENCE, service.probe.may_execute.set)
    writer.write(request("{ held }"))
    async with asyncio.timeout(DEADLINE):
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"


async def test_a_head_that_is_too_long_is_refused_before_it_ends() -> None:
    async with serve() as service, asyncio.timeout(DEADLINE):
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(HEAD + b"X: ")
        connections = service.server.server_state.connections
        while not any(isinstance(each, HttpLine) and each.scope for each in connections):  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0)
        writer.write(b"x" * (LONGEST_HEAD + 1))
        assert await reader.readline() == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
        await until_forgotten(service)
        writer.transport.abort()
