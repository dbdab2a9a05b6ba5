"""How WebSockets end, through a real server: by their token, their client, a shutdown, or silence. Nothing is left of them."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from app.graphql.transport.connections import FORBIDDEN, Connections
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.uvicorn_protocols import WebSocketProtocol
from models import Role
from resolvers.access.sign_in import Lapse
from resolvers.operation.context import Caller
from tests.support.transport_server import ADA, BOB, DEADLINE, Peer, Service, serve

BODY = b'{"query": "{ held }"}'
HELD = b"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    ADA.encode(),
    len(BODY),
    BODY,
)


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as running:
        yield running


@pytest.fixture
async def peer(service: Service) -> AsyncIterator[Peer]:
    async with service.socket() as connected:
        yield await connected.sign_in()


async def test_connections_of_a_revoked_token_are_closed_and_others_stay(service: Service, peer: Peer) -> None:
    async with service.socket() as other:
        await other.sign_in(BOB)
        assert service.token_ids() == {1, 2}
        service.end_tokens(1)
        assert await peer.closed() == (4403, "Forbidden")
        await other.send(type="ping")
        assert await other.receive() == {"type": "pong"}
    await service.until_tokens()


async def test_a_client_whose_sign_in_allows_something_else_now_is_told_to_come_back(service: Service, peer: Peer) -> None:
    service.end_tokens(1, lapse=Lapse.CHANGED)
    assert await peer.closed() == (1012, "What your sign-in allows has changed")


async def test_a_connection_of_which_one_sign_in_is_over_ends_for_good() -> None:
    connections = Connections(most=1, most_of_one=1, most_silent=1)
    connection, changed, over = connections.open(), Caller(1, 1, Role.ADMIN, 1), Caller(1, 1, Role.VIEWER, 1)
    for caller in (changed, over):
        connections.admit(connection, caller)
    connections.end({changed: Lapse.CHANGED, over: Lapse.OVER})
    assert await connection.ended == FORBIDDEN


async def test_a_stopping_server_tells_its_clients_to_come_back(service: Service, peer: Peer) -> None:
    await peer.subscribe("1", "subscription { wait }")
    await peer.receive()
    service.app.close()
    assert (await peer.closed())[0] == 1012
    await service.probe.until("wait", 0)


async def test_a_connection_to_a_stopping_server_ends_at_once(service: Service) -> None:
    service.app.close()
    async with service.socket() as peer:
        assert (await peer.closed())[0] == 1012


@pytest.mark.parametrize("ending", ["complete", "close", "abort"])
async def test_an_operation_ends_with_its_client(service: Service, peer: Peer, ending: str) -> None:
    await peer.subscribe("1", "subscription { wait }")
    await peer.receive()
    if ending == "complete":
        await peer.send(type="complete", id="1")
    elif ending == "close":
        await peer.socket.close()
    else:
        peer.socket.transport.abort()
    await service.probe.until("wait", 0)
    await service.until_tokens(*([1] if ending == "complete" else []))


@pytest.mark.parametrize("ending", ["complete", "close", "abort"])
async def test_a_query_is_cancelled_with_its_client(service: Service, peer: Peer, ending: str) -> None:
    service.probe.may_execute.clear()
    await peer.subscribe("1", "{ held }")
    await service.probe.until("held", 1)
    if ending == "complete":
        await peer.send(type="complete", id="1")
    elif ending == "close":
        await peer.socket.close()
    else:
        peer.socket.transport.abort()
    await service.probe.until("held", 0)


async def test_a_query_over_http_is_cancelled_with_its_client(service: Service) -> None:
    service.probe.may_execute.clear()
    _, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write(HELD)
    await service.probe.until("held", 1)
    writer.transport.abort()
    await service.probe.until("held", 0)


async def test_after_many_abrupt_ends_nothing_is_left(service: Service) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(30):
        async with service.socket() as peer:
            await peer.sign_in()
            await peer.subscribe("1", "subscription { wait }")
            await peer.receive()
            peer.socket.transport.abort()
    await service.until_tokens()
    async with asyncio.timeout(DEADLINE):
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  # tasks have no event for it
            await asyncio.sleep(0)


async def test_the_server_pings_and_keeps_a_client_that_answers() -> None:
    async with serve(TransportLimits(ping_seconds=0.05)) as service, service.socket() as peer:
        await peer.sign_in()
        for _ in range(6):
            assert await peer.receive() == {"type": "ping"}
            await peer.send(type="pong")


async def test_the_server_closes_a_client_that_answers_no_ping() -> None:
    async with serve(TransportLimits(ping_seconds=0.01)) as service, service.socket() as peer:
        await peer.sign_in()
        assert [await peer.receive() for _ in range(2)] == [{"type": "ping"}] * 2
        assert await peer.closed() == (1013, "No pong for too long")


HANDSHAKE = b"""GET /graphql HTTP/1.1\r
Host: x\r
Upgrade: websocket\r
Connection: Upgrade\r
Sec-WebSocket-Version: 13\r
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
Sec-WebSocket-Protocol: graphql-transport-ws\r
\r
"""
PING = struct.pack("!BB4s", 0x89, 0x80 | 125, b"\0" * 4) + b"x" * 125  # of the WebSocket protocol, masked with zeros


async def narrow(service: Service) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose client takes little, and then nothing."""
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", service.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=1024)
    writer.write(HANDSHAKE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.transport.pause_reading()  # type: ignore[attr-defined]  # sockets have it
    return reader, writer


async def test_a_client_that_pings_and_reads_nothing_is_given_up_in_bounded_memory() -> None:
    async with serve(TransportLimits(init_seconds=1.0, send_seconds=0.1)) as service, asyncio.timeout(6 * DEADLINE):
        _, writer = await narrow(service)
        (line,) = (each for each in service.server.server_state.connections if isinstance(each, WebSocketProtocol))
        most = 0
        while line in service.server.server_state.connections:
            with suppress(OSError):
                writer.write(PING * 500)
                await writer.drain()
            await asyncio.sleep(0)
            most = max(most, line.transport.get_write_buffer_size())
        writer.transport.abort()
        assert 0 < most < 2**20


async def test_a_client_that_pings_while_it_does_not_read_is_answered_its_last_ping_once_it_does() -> None:
    async with serve() as service, service.socket() as peer, asyncio.timeout(DEADLINE):
        await peer.sign_in()
        await peer.subscribe("1", "subscription { flood }")
        (line,) = (each for each in service.server.server_state.connections if isinstance(each, WebSocketProtocol))
        while line.writable.is_set():  # noqa: ASYNC110  # it has no event for its end
            await asyncio.sleep(0)
        await peer.socket.ping(b"first")
        answered = asyncio.ensure_future(await peer.socket.ping(b"last"))
        await peer.send(type="complete", id="1")
        while not answered.done():
            await peer.receive()


async def test_a_client_that_does_not_read_is_given_up_in_bounded_memory() -> None:
    async with serve(TransportLimits(send_seconds=0.1)) as service, service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("1", "subscription { flood }")
        await peer.subscribe("2", "subscription { wait }")
        await service.probe.until("flood", 1)
        await service.probe.until("flood", 0)
        await service.probe.until("wait", 0)
        assert service.probe.sent < 2**25
        await service.until_tokens()
        peer.socket.transport.abort()
