"""Clients that watch a group of a server process by WebSocket or by server-sent events."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, Server

VIEWER = "{ viewer { account { name timezone } user { email } role } }"
WATCH = "subscription ($group: ID!) { groupChanges(groupId: $group) { __typename } }"
CREATE_GROUP = """
    mutation { createGroup(input: {name: "All", criteria: {contacts: {email: {isEmpty: false}}}}) { group { id } userErrors { message } } }
"""


async def until_ended(socket: ClientConnection, stream: AsyncIterator[bytes]) -> None:
    """Wait until the server has ended both as one does that will be back."""
    async with asyncio.timeout(DEADLINE):
        with suppress(ConnectionClosed):
            while True:
                await socket.recv()
        assert socket.close_code == 1012
        async for _ in stream:
            pass


@asynccontextmanager
async def watching_by_socket(server: Server, token: str, group: str) -> AsyncIterator[ClientConnection]:
    """A WebSocket that has begun to watch the group."""
    protocol = Subprotocol("graphql-transport-ws")
    async with connect(server.url.replace("http", "ws"), subprotocols=[protocol], proxy=None, close_timeout=0.1) as socket:
        await socket.send(orjson.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}).decode())
        assert "connection_ack" in str(await socket.recv())
        payload = {"query": WATCH, "variables": {"group": group}}
        await socket.send(orjson.dumps({"type": "subscribe", "id": "1", "payload": payload}).decode())
        assert "GroupHeartbeat" in str(await socket.recv())
        yield socket


@asynccontextmanager
async def watching_by_stream(server: Server, token: str, group: str) -> AsyncIterator[AsyncIterator[bytes]]:
    """A stream of server-sent events that has begun to tell of the group."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream"}
    body = {"query": WATCH, "variables": {"group": group}}
    client = web_client(headers=headers)
    async with client, client.stream("POST", server.url, json=body) as response:
        told = response.aiter_bytes()
        while b"GroupHeartbeat" not in await anext(told):
            pass
        yield told
