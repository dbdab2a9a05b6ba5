"""Bytes that subscriptions keep: nothing that their plan does not read, and no more than a connection, a user and a process may."""

import asyncio
import gc
import tracemalloc
from contextlib import AsyncExitStack

import orjson
import pytest

from app.graphql.execution.subscription_budgets import KEPT_BY_EACH, SubscriptionLimits
from app.graphql.transport.accept import GRAPHQL_JSON
from app.graphql.transport.limits import TransportLimits
from tests.support.transport_server import ADA, BOB, DEADLINE, Peer, Service, code_of, post, serve

WAIT = "subscription { wait }"
ROOM = 3 * KEPT_BY_EACH  # for two subscriptions with short documents
MIB = 2**20


async def outcome(peer: Peer, key: str, query: str = WAIT) -> str:
    """The type of the first message about an operation, or the code of its error."""
    await peer.subscribe(key, query)
    message = await peer.receive()
    if message["type"] != "error":
        return str(message["type"])
    (error,) = orjson.loads(orjson.dumps(message["payload"]))
    return str(error["extensions"]["code"])


async def until_kept(service: Service, size: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while service.app.subscriptions.kept != size:  # noqa: ASYNC110  # the server has no event for it
            await asyncio.sleep(0)


@pytest.mark.parametrize("query", ["query ($n: Int!) { double(number: $n) }", "subscription ($n: Int!) { count(to: $n) }"])
async def test_variables_that_are_not_declared_are_refused_by_name(query: str) -> None:
    async with serve() as service, service.socket() as peer:
        await peer.sign_in()
        await peer.subscribe("1", query, variables={"n": 1, "junk": 2, "waste": 3})
        (error,) = orjson.loads(orjson.dumps((await peer.receive())["payload"]))
        told = "The operation does not declare these variables: `$junk`, `$waste`. Declare them, or do not send them."
        assert (error["message"], error["extensions"]["code"]) == (told, "BAD_USER_INPUT")
        response = await post(service, {"query": "{ hello }", "variables": {"x" * 1_000: None}}, accept=GRAPHQL_JSON)
        assert (response.status_code, code_of(response)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize("bound", ["connection", "user", "process"])
async def test_subscriptions_beyond_a_budget_are_refused_until_another_one_ends(bound: str) -> None:
    limits = TransportLimits(subscriptions=SubscriptionLimits(**{bound: ROOM}))
    async with serve(limits) as service, AsyncExitStack() as sockets:
        first, second, bob = [await sockets.enter_async_context(service.socket()) for _ in range(3)]
        for peer, token in ((first, ADA), (second, ADA), (bob, BOB)):
            await peer.sign_in(token)
        assert [await outcome(first, key) for key in "12"] == ["next", "next"]
        found = [await outcome(first, "3"), await outcome(second, "4"), await outcome(bob, "5")]
        refused = {"connection": 1, "user": 2, "process": 3}[bound]
        assert found == ["UNAVAILABLE"] * refused + ["next"] * (3 - refused)
        await first.send(type="complete", id="1")
        await service.probe.until("wait", 1 + 3 - refused)
        assert await outcome(first, "6") == "next"
        for peer in (first, second, bob):
            await peer.socket.close()
        await until_kept(service, 0)


async def test_a_long_document_counts_with_its_tree() -> None:
    async with serve(TransportLimits(subscriptions=SubscriptionLimits(connection=MIB))) as service, service.socket() as peer:
        await peer.sign_in()
        assert await outcome(peer, "1", WAIT + " " * 4_000) == "next"
        assert await outcome(peer, "2", WAIT + " " * 20_000) == "UNAVAILABLE"


async def test_a_refused_message_is_not_kept_until_the_next_one() -> None:
    async with serve(TransportLimits(message_bytes=4 * MIB)) as service, AsyncExitStack() as sockets:
        peers = [await (await sockets.enter_async_context(service.socket())).sign_in() for _ in range(8)]
        tracemalloc.start()
        try:
            for peer in peers:
                await peer.subscribe("1", WAIT, variables={"junk": "j" * 2 * MIB})
                assert (await peer.receive())["type"] == "error"
            gc.collect()
            assert tracemalloc.get_traced_memory()[0] < 8 * MIB
        finally:
            tracemalloc.stop()
