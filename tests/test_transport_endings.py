"""How WebSockets end, through a real server: by their token, their client, a shutdown, or silence; and that nothing is left of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from app.graphql.limits import TransportLimits
from tests.serving import BOB, DEADLINE, Peer, Service, serve


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
