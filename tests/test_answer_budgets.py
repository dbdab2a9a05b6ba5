"""Bytes of answers: bounded while they are put together and until they are read, by answer, connection, user and process."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.graphql.execution.answer_budgets import AnswerBudgets, AnswerLimits, Holding
from app.graphql.transport.accept import EVENTS, JSON
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.uvicorn_protocols import HttpProtocol
from models import Role
from resolvers.operation.context import Caller
from schema.limits import DocumentLimits
from tests.support.transport_server import ADA, BOB, DEADLINE, Service, post, serve

KIB, MIB = 2**10, 2**20
LIMITS = TransportLimits(answers=AnswerLimits(answer=10 * MIB, connection=12 * MIB, user=20 * MIB, process=30 * MIB))
TIMES = 9
ECHOES = "query ($v: JSON!) {" + " ".join(f"a{number}: echo(value: $v)" for number in range(TIMES)) + "}"
LARGE = "x" * (MIB - 2 * KIB)  # nine of them fit into an answer
NAMES = "{" + " ".join(f"{'a' * 200}{number}: hello" for number in range(300)) + "}"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve(LIMITS) as running:
        yield running


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that the server has no event for."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110  # for want of an event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def unread(service: Service, token: str = ADA) -> AsyncIterator[asyncio.StreamReader]:
    """A client over HTTP that asks for nine megabytes, and reads nothing of its own accord."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", service.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=KIB)
    body = orjson.dumps({"query": ECHOES, "variables": {"v": LARGE}})
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Type: {JSON}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    try:
        yield reader
    finally:
        writer.transport.abort()


# ---------------------------------------------------------------- one answer


@pytest.mark.parametrize(("query", "most"), [(ECHOES, 9 * (MIB - 2 * KIB)), (NAMES, 64 * KIB)], ids=["values", "names"])
async def test_an_answer_that_is_too_large_is_refused_instead_of_sent(query: str, most: int) -> None:
    documents = DocumentLimits(characters=100_000, aliases=300)
    async with serve(TransportLimits(answers=AnswerLimits(answer=most)), documents) as service:
        response = await post(service, {"query": query, "variables": {"v": LARGE} if "$v" in query else {}})
        (error,) = response.json()["errors"]
        assert (response.status_code, response.json()["data"]) == (200, None)
        assert error["extensions"] == {"code": "ANSWER_TOO_LARGE", "bytes": {"limit": most}}
        assert error["message"].startswith(f"The answer has more than {most:,} bytes")
        assert service.app.budgets.held == 0


async def test_an_answer_as_large_as_is_allowed_is_sent_and_then_holds_nothing(service: Service) -> None:
    response = await post(service, {"query": ECHOES, "variables": {"v": LARGE}})
    assert set(response.json()["data"].values()) == {LARGE}
    assert service.app.budgets.held == 0


async def test_all_of_a_mutation_is_carried_out_even_if_its_answer_is_too_large() -> None:
    names = [f"{letter * 40_000}" for letter in "abcde"]
    query = "mutation {" + " ".join(f"{name}: rename" for name in names) + "}"
    documents = DocumentLimits(characters=10**6)
    async with serve(TransportLimits(answers=AnswerLimits(answer=64 * KIB)), documents) as service:
        (error,) = (await post(service, {"query": query})).json()["errors"]
        assert "its changes are saved" in error["message"]
        assert service.probe.streams["renamed"] == len(names)


@pytest.mark.parametrize("transport", ["socket", "stream"])
async def test_a_subscription_whose_answer_is_too_large_ends_with_that_error(transport: str) -> None:
    body: dict[str, object] = {"query": "subscription { large(size: 100000) }"}
    async with serve(TransportLimits(answers=AnswerLimits(answer=64 * KIB))) as service:
        if transport == "stream":
            text = (await post(service, body, accept=EVENTS)).text
            assert text.count('"code":"ANSWER_TOO_LARGE"') == 1
            assert '{"data":{"large":"small"}}' in text
        else:
            async with service.socket() as peer:
                await peer.sign_in()
                await peer.send(type="subscribe", id="1", payload=body)
                assert (await peer.receive())["payload"] == {"data": {"large": "small"}}
                refused = await peer.receive()
                assert (refused["type"], b"ANSWER_TOO_LARGE" in orjson.dumps(refused)) == ("error", True)
        await until(lambda: service.app.budgets.held == 0)


# ---------------------------------------------------------------- answers that are not read


async def test_answers_that_a_user_does_not_read_are_bounded_and_others_get_theirs(service: Service) -> None:
    budgets, known = service.app.budgets, set[object]()

    def waiting() -> set[object]:
        return {each for each in service.server.server_state.connections if isinstance(each, HttpProtocol) and each.flow.write_paused}

    async with AsyncExitStack() as clients:
        for _ in range(5):
            await clients.enter_async_context(unread(service))
            await until(lambda: waiting() - known)  # noqa: B023  # which is awaited at once
            known |= waiting()
            assert MIB < budgets.held <= LIMITS.answers.user
        assert len(waiting()) == 2
        response = await post(service, {"query": ECHOES, "variables": {"v": LARGE}}, token=BOB)
        assert set(response.json()["data"].values()) == {LARGE}
    await until(lambda: budgets.held == 0)


async def test_a_socket_whose_client_reads_slowly_gets_every_answer() -> None:
    limits = TransportLimits(answers=AnswerLimits(answer=MIB, connection=3 * MIB // 2))
    async with serve(limits) as service, service.socket() as peer:
        await peer.sign_in()
        for key in range(8):
            await peer.subscribe(str(key), ECHOES, variables={"v": "x" * (64 * KIB)})
        found: list[dict[str, object]] = []
        while len(found) < 16:
            assert service.app.budgets.held <= limits.answers.connection
            found.append(await peer.receive())
        assert sorted(str(message["id"]) for message in found if message["type"] == "next") == list("01234567")
        await until(lambda: service.app.budgets.held == 0)


# ---------------------------------------------------------------- the budgets by themselves

changes = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 9), st.booleans()), max_size=60)


@given(changes)
def test_budgets_hold_whatever_is_asked_of_them_and_add_up(asked: list[tuple[int, int, bool]]) -> None:
    budgets = AnswerBudgets(AnswerLimits(answer=10, connection=12, user=20, process=30))
    connections = [budgets.of_connection() for _ in range(4)]
    ended: list[int] = []
    callers = [Caller(1 + number // 4, 1 + number // 2, Role.VIEWER, number) for number in range(8)]
    holdings = [budgets.holding(callers[number], partial(ended.append, number), connections[number // 2]) for number in range(8)]
    for number, size, is_unread in asked:
        if is_unread:
            holdings[number].wait_to_be_read(size)
        else:
            refused = holdings[number].reserve(size)
            assert (refused is not None) == holdings[number].is_closed
        assert budgets.held == sum(each.size for each in holdings) <= 30
        assert all(holdings[2 * pair].size + holdings[2 * pair + 1].size <= 12 for pair in range(4))
    assert all(holdings[number].is_closed for number in ended)
    for each in holdings:
        each.close()
    assert budgets.held == 0


def test_the_account_that_holds_most_loses_an_answer_that_is_not_read() -> None:
    budgets = AnswerBudgets(AnswerLimits(answer=10, connection=10, user=20, process=30))
    ended: list[str] = []

    def holding(account: int, user: int, name: str) -> Holding:
        return budgets.holding(Caller(account, user, Role.VIEWER, user), lambda: ended.append(name))

    holding(1, 1, "read by nobody").wait_to_be_read(8)
    assert holding(1, 2, "put together").reserve(9) is None
    quiet = holding(2, 3, "another account")
    quiet.wait_to_be_read(9)
    assert quiet.reserve(10) is None
    assert (ended, budgets.held) == ([], 27)
    assert holding(3, 4, "a third").reserve(8) is None
    assert (ended, budgets.held) == (["read by nobody"], 27)
