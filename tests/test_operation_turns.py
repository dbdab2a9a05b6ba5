"""Queries and mutations take turns: the others wait in fair order, may be given up, and are refused beyond a bound."""

import asyncio

import httpx
import orjson

from app.graphql.transport.limits import TransportLimits
from tests.support.transport_server import BOB, DEADLINE, Service, post, serve

HELD = {"query": "{ held }"}
HELLO = {"query": "{ hello }"}


async def until_waiting(service: Service, number: int) -> None:
    async with asyncio.timeout(DEADLINE):
        while service.app.turns.waiting != number:  # noqa: ASYNC110  # the queue has no event for it
            await asyncio.sleep(0)


async def hold(service: Service) -> asyncio.Task[httpx.Response]:
    """Take the only turn until the probe lets go."""
    service.probe.may_execute.clear()
    held = asyncio.create_task(post(service, HELD))
    await service.probe.until("held", 1)
    return held


async def test_who_comes_when_no_more_may_wait_is_told_to_come_back() -> None:
    async with serve(TransportLimits(running=1, waiting=0)) as service, service.socket() as peer:
        await peer.sign_in()
        held = await hold(service)

        response = await post(service, HELLO)
        (error,) = response.json()["errors"]
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert error["extensions"] == {"code": "UNAVAILABLE", "retryAfter": 1}

        await peer.subscribe("1", "{ hello }")
        message = await peer.receive()
        assert (message["id"], message["type"]) == ("1", "error")
        assert orjson.loads(orjson.dumps(message["payload"]))[0]["extensions"] == error["extensions"]
        await peer.subscribe("2", "subscription { wait }")
        assert (await peer.receive())["type"] == "next"

        service.probe.may_execute.set()
        assert (await held).json() == {"data": {"held": "let go"}}
        assert (await post(service, HELLO)).json() == {"data": {"hello": "world"}}
        assert service.app.turns.refused == 2
        assert service.app.turns.is_empty


async def test_tokens_take_turns_however_much_one_of_them_sends() -> None:
    async with serve(TransportLimits(running=1)) as service:
        held = await hold(service)
        ended: list[str] = []

        async def send(name: str, **token: str) -> None:
            assert (await post(service, HELLO, **token)).json() == {"data": {"hello": "world"}}
            ended.append(name)

        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as senders:
            for number in range(5):
                senders.create_task(send("Ada"))
                await until_waiting(service, number + 1)
            senders.create_task(send("Bob", token=BOB))
            await until_waiting(service, 6)
            service.probe.may_execute.set()
        assert ended.index("Bob") <= 1
        await held


async def test_an_operation_whose_client_completes_it_waits_no_more() -> None:
    async with serve(TransportLimits(running=1)) as service, service.socket() as peer:
        await peer.sign_in()
        held = await hold(service)
        await peer.subscribe("1", "{ hello }")
        await until_waiting(service, 1)
        await peer.send(type="complete", id="1")
        await until_waiting(service, 0)
        service.probe.may_execute.set()
        await held
        assert service.app.turns.is_empty


async def test_an_operation_whose_client_hangs_up_waits_no_more() -> None:
    async with serve(TransportLimits(running=1)) as service:
        held = await hold(service)
        waiting = asyncio.create_task(post(service, HELLO))
        await until_waiting(service, 1)
        waiting.cancel()
        await until_waiting(service, 0)
        service.probe.may_execute.set()
        await held
        assert service.app.turns.is_empty
