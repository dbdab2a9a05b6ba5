"""A server that has its hands full says so at once, over HTTP and on a socket, and lets subscriptions begin all the same."""

import asyncio

import orjson

from app.graphql.transport.limits import TransportLimits
from tests.support.transport_server import post, serve


async def test_who_comes_when_all_turns_are_taken_is_told_to_come_back() -> None:
    async with serve(TransportLimits(running=1)) as service, service.socket() as peer:
        await peer.sign_in()
        service.probe.may_execute.clear()
        held = asyncio.create_task(post(service, {"query": "{ held }"}))
        await service.probe.until("held", 1)

        response = await post(service, {"query": "{ hello }"})
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
        assert (await post(service, {"query": "{ hello }"})).json() == {"data": {"hello": "world"}}
