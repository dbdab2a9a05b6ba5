"""GraphQL over WebSockets, through a real server: the graphql-transport-ws protocol, its bounds and its endings."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from gql import Client, gql
from gql.transport.websockets import WebsocketsTransport
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs
from websockets.exceptions import InvalidStatus

from app.graphql.transport.connections import Connections
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.messages import checked_message
from models import Role
from models.errors import BadInput
from resolvers.operation.context import Caller
from tests.support.transport_server import ADA, BOB, DEADLINE, PROTOCOL, Peer, Service, serve

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["subscribe", "complete", "ping", "connection_init", "next", "1", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "type", "payload", "query", "variables"]), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(json_values)
def test_any_json_value_is_either_a_message_of_the_protocol_or_bad_input(value: object) -> None:
    try:
        message = checked_message(value)
    except BadInput:
        return
    assert message == value
    assert message["type"] in {"connection_init", "ping", "pong", "subscribe", "complete"}


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as running:
        yield running


@pytest.fixture
async def peer(service: Service) -> AsyncIterator[Peer]:
    async with service.socket() as connected:
        yield await connected.sign_in()


async def test_a_subscription_is_sent_answer_by_answer(peer: Peer) -> None:
    await peer.subscribe("1", "subscription ($n: Int!) { count(to: $n) }", variables={"n": 2})
    assert [await peer.receive() for _ in range(3)] == [
        {"id": "1", "type": "next", "payload": {"data": {"count": 0}}},
        {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
        {"id": "1", "type": "complete"},
    ]


async def test_queries_and_mutations_run_over_a_socket_too(peer: Peer) -> None:
    await peer.subscribe("1", "query A { hello } mutation B { rename }", operationName="B")
    assert await peer.receive() == {"id": "1", "type": "next", "payload": {"data": {"rename": "renamed"}}}
    assert await peer.receive() == {"id": "1", "type": "complete"}


async def test_gql_subscribes(service: Service) -> None:
    transport = WebsocketsTransport(
        url=service.url.replace("http", "ws"), init_payload={"Authorization": ADA}, connect_args={"proxy": None}
    )
    async with asyncio.timeout(DEADLINE), Client(transport=transport, fetch_schema_from_transport=True) as session:
        assert [answer["count"] async for answer in session.subscribe(gql("subscription { count(to: 3) }"))] == [0, 1, 2]
        assert await session.execute(gql("{ hello }")) == {"hello": "world"}


@pytest.mark.parametrize("payload", [{"authorization": ADA}, {"AUTHORIZATION": ADA, "other": 1}])
async def test_the_token_of_the_first_message_may_be_spelled_in_any_case(service: Service, payload: dict[str, object]) -> None:
    async with service.socket(authorization="Bearer eve") as peer:
        await peer.send(type="connection_init", payload=payload)
        assert await peer.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize("message", [{}, {"payload": None}, {"payload": {}}])
async def test_without_a_token_in_the_first_message_that_of_the_handshake_counts(service: Service, message: dict[str, object]) -> None:
    async with service.socket(authorization=BOB) as peer:
        await peer.send(type="connection_init", **message)
        assert await peer.receive() == {"type": "connection_ack"}
        assert service.token_ids() == {2}


@pytest.mark.parametrize("payload", [None, {}, {"Authorization": "Bearer eve"}, {"Authorization": 1}])
async def test_a_client_without_a_valid_token_is_closed(service: Service, payload: object) -> None:
    async with service.socket() as peer:
        await peer.send(type="connection_init", payload=payload)
        assert await peer.closed() == (4403, "Forbidden")


async def test_a_client_that_a_fault_kept_from_signing_in_may_try_again(service: Service) -> None:
    async with service.socket() as peer:
        with capture_logs() as logs:
            await peer.send(type="connection_init", payload={"Authorization": "Bearer broken"})
            code, reason = await peer.closed()
        assert (code, logs[0]["error_id"] in reason) == (1013, True)


async def test_a_client_that_does_not_sign_in_is_closed() -> None:
    async with serve(TransportLimits(init_seconds=0.01)) as service, service.socket() as peer:
        assert (await peer.closed())[0] == 4408


async def test_a_subscription_before_signing_in_closes_the_connection(service: Service) -> None:
    async with service.socket() as peer:
        await peer.subscribe("1", "{ hello }")
        assert (await peer.closed())[0] == 4401


async def test_signing_in_twice_closes_the_connection(peer: Peer) -> None:
    await peer.send(type="connection_init")
    assert (await peer.closed())[0] == 4429


@pytest.mark.parametrize("protocols", [["graphql-ws"], ["soap"]])
async def test_other_protocols_are_not_spoken(service: Service, protocols: list[str]) -> None:
    async with service.socket(*protocols) as peer:
        assert (await peer.closed())[0] == 4406


async def test_the_one_protocol_is_picked_from_several(service: Service) -> None:
    async with service.socket("graphql-ws", PROTOCOL) as peer:
        assert peer.socket.subprotocol == PROTOCOL


async def test_an_id_that_is_in_use_closes_the_connection_with_a_reason_that_fits(peer: Peer) -> None:
    key = "ü" * 128
    for _ in range(2):
        await peer.subscribe(key, "subscription { wait }")
    code, reason = await peer.closed()
    assert (code, reason) == (4409, f"Subscriber for {key}"[: len(reason)])


async def test_an_id_is_free_again_after_its_operation(peer: Peer) -> None:
    for _ in range(2):
        await peer.subscribe("1", "{ hello }")
        assert [(await peer.receive())["type"] for _ in range(2)] == ["next", "complete"]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "x",
        "1",
        "null",
        "[]",
        "{}",
        "[" * 100_000,
        '{"type": 1}',
        '{"type": "next", "id": "1", "payload": {}}',
        '{"type": "ping", "payload": 1}',
        '{"type": "connection_init", "payload": []}',
        '{"type": "complete"}',
        '{"type": "complete", "id": 1}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": null}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": [1]}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "operationName": 1}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "operationName": "\\ud800"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}',
        '{"type": "subscribe", "id": "' + "x" * 129 + '", "payload": {"query": "{ hello }"}}',
        '{"type": "complete", "id": "' + "x" * 129 + '"}',
        '{"type": "subscribe", "id": null, "payload": {"query": "{ hello }"}}',
        b'{"type": "ping"}',
    ],
)
async def test_a_message_that_is_none_closes_the_connection(peer: Peer, message: str | bytes) -> None:
    await peer.socket.send(message)
    assert (await peer.closed())[0] == 4400


async def test_a_message_beyond_the_limit_closes_the_connection() -> None:
    async with serve(TransportLimits(message_bytes=1_000)) as service, service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("1", "{ hello }" + " " * 1_000)
        assert (await peer.closed())[0] == 1009


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{ hello"}, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": "query A { hello }", "operationName": "B"}, "BAD_USER_INPUT"),
        ({"query": "query A { hello } query B { serial }"}, "BAD_USER_INPUT"),
        ({"query": "query ($n: Int!) { double(number: $n) }", "variables": {"n": "x"}}, "BAD_USER_INPUT"),
        ({"query": "subscription ($n: Int!) { count(to: $n) }", "variables": {"n": "x"}}, "BAD_USER_INPUT"),
        ({"query": "subscription { breaks }"}, "INTERNAL_SERVER_ERROR"),
    ],
)
async def test_an_operation_that_fails_leaves_the_others_alone(service: Service, peer: Peer, payload: dict[str, object], code: str) -> None:
    await peer.subscribe("other", "subscription { wait }")
    assert (await peer.receive())["id"] == "other"
    with capture_logs():
        await peer.send(type="subscribe", id="1", payload=payload)
        while (message := await peer.receive())["type"] == "next":
            pass
    assert (message["id"], message["type"]) == ("1", "error")
    errors = message["payload"]
    assert isinstance(errors, list)
    assert errors[0]["extensions"]["code"] == code
    assert service.probe.streams["wait"] == 1
    await peer.subscribe("1", "{ hello }")
    assert await peer.receive() == {"id": "1", "type": "next", "payload": {"data": {"hello": "world"}}}


async def test_each_operation_has_a_context_of_its_own(peer: Peer) -> None:
    for key in "12":
        await peer.subscribe(key, "{ serial }")
    answers = [await peer.receive() for _ in range(4)]
    serials = [str(message["payload"]) for message in answers if message["type"] == "next"]
    assert len(set(serials)) == 2


async def test_an_operation_after_the_token_was_revoked_closes_the_connection(service: Service, peer: Peer) -> None:
    del service.tokens[ADA]
    await peer.subscribe("1", "{ hello }")
    assert await peer.closed() == (4403, "Forbidden")


async def test_operations_beyond_the_limit_are_refused_one_by_one() -> None:
    async with serve(TransportLimits(operations=1)) as service, service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("1", "subscription { wait }")
        await peer.receive()
        await peer.subscribe("2", "{ hello }")
        refused = await peer.receive()
        assert (refused["id"], refused["type"]) == ("2", "error")
        await peer.send(type="complete", id="1")
        await peer.subscribe("2", "{ hello }")
        assert (await peer.receive())["type"] == "next"


async def test_connections_beyond_the_limit_are_told_to_try_again() -> None:
    async with serve(TransportLimits(connections=1)) as service, service.socket() as first:
        await first.sign_in()
        async with service.socket() as second:
            await second.send(type="connection_init", payload={"Authorization": BOB})
            assert await second.closed() == (1013, "Too many open connections")


@pytest.mark.parametrize("handshake", [None, ADA], ids=["in the first message", "in the handshake"])
async def test_silent_sockets_leave_room_for_clients_that_sign_in(handshake: str | None) -> None:
    async with serve(TransportLimits(connections=2, silent=3)) as service, AsyncExitStack() as sockets:
        silent = [await sockets.enter_async_context(service.socket()) for _ in range(3)]
        for _ in range(2):
            good = await sockets.enter_async_context(service.socket(authorization=handshake))
            await good.send(type="connection_init", payload={} if handshake else {"Authorization": ADA})
            assert await good.receive() == {"type": "connection_ack"}
        assert (await silent[0].closed())[0] == 1013


async def test_an_address_with_many_silent_sockets_loses_its_own() -> None:
    connections = Connections(most=1, most_of_one=1, most_silent=3)
    flood = [connections.open_silent("192.0.2.1") for _ in range(2)]
    patient = connections.open_silent("192.0.2.2")
    flood += [connections.open_silent("192.0.2.1") for _ in range(4)]
    assert [each.ended.done() for each in (patient, *flood)] == [False, True, True, True, True, False, False]


async def test_a_connection_that_has_ended_is_not_admitted_any_more() -> None:
    connections = Connections(most=1, most_of_one=1, most_silent=1)
    ended = connections.open()
    connections.discard(ended)
    connections.admit(ended, Caller(1, 1, Role.VIEWER, 1))
    assert ended.callers == set()
    connections.admit(connections.open(), Caller(1, 1, Role.VIEWER, 2))


async def test_one_user_cannot_take_all_connections() -> None:
    async with serve(TransportLimits(connections_of_one=1)) as service, service.socket() as first:
        await first.sign_in()
        for _ in range(2):  # to start an operation is to be looked at again
            await first.subscribe("1", "{ hello }")
            assert [(await first.receive())["type"] for _ in range(2)] == ["next", "complete"]
        async with service.socket() as second, service.socket() as others:
            await others.sign_in(BOB)
            await second.send(type="connection_init", payload={"Authorization": ADA})
            assert await second.closed() == (1013, "You have as many open connections as one user may have: close one first.")
        await first.socket.close()
        await service.until_tokens()
        async with service.socket() as again:
            await again.sign_in()


@pytest.mark.parametrize("origin", [None, "http://127.0.0.1:{port}", "https://allowed.example", "HTTPS://Allowed.example:443"])
async def test_pages_of_the_server_and_of_allowed_origins_may_connect(origin: str | None) -> None:
    async with (
        serve(TransportLimits(origins=("https://allowed.example",))) as service,
        service.socket(origin=origin.format(port=service.port) if origin else None) as peer,
    ):
        await peer.sign_in()


@pytest.mark.parametrize("origin", ["https://evil.example", "http://allowed.example", "null"])
async def test_pages_of_other_origins_may_not_connect(origin: str) -> None:
    async with serve(TransportLimits(origins=("https://allowed.example",))) as service:
        with pytest.raises(InvalidStatus, match="403"):
            async with service.socket(origin=origin):
                pass
