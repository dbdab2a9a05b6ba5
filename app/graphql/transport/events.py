"""Answers as server-sent events, in the distinct connections mode of graphql-sse: one request, one stream."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.types import Receive, Scope, Send

from app.graphql.execution.answer_budgets import Holding
from app.graphql.execution.wire import Answer, failure
from app.graphql.transport.accept import EVENTS
from app.graphql.transport.connections import FORBIDDEN, Connection, Connections, race
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.presence import disconnected
from app.graphql.transport.uvicorn_protocols import HANG_UP
from models.errors import Unauthenticated

HEADERS = [
    (b"content-type", f"{EVENTS}; charset=utf-8".encode()),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),  # nginx would hold events back
    (b"x-content-type-options", b"nosniff"),
]
COMPLETE = b"event: complete\ndata: \n\n"  # browsers drop an event without a data field
NOTHING = b""  # sent before and after each answer: to send anything waits until the client has read what was sent before
KEEP_ALIVE = b": alive\n\n"


class EventStream:
    """An ASGI response that sends each answer as `next`, then `complete`.

    It ends after the last answer, when the client disconnects or does not read for too long, and when its connection is ended.
    """

    def __init__(
        self,
        source: AsyncGenerator[Answer, None],
        connections: Connections,
        connection: Connection,
        *,
        limits: TransportLimits,
        holding: Holding,
    ) -> None:
        self._source = source
        self._connections = connections
        self._connection = connection
        self._limits = limits
        self._holding = holding

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            try:
                await race(self._keep_alive(send), self._answer(send), self._end(send), disconnected(receive))
                await self._send(send, b"", more=False)
            except TimeoutError:  # a client that does not read cannot be sent a reason either
                await hang_up(scope, receive)
        finally:
            self._holding.close()
            self._connections.discard(self._connection)

    async def _answer(self, send: Send) -> None:
        async with aclosing(self._source) as source:
            async for answer in source:
                self._holding.wait_to_be_read(answer.size)
                await self._send(send, NOTHING)
                await self._send(send, next_event(answer))
                self._holding.release()
                await self._send(send, NOTHING)
        await self._send(send, COMPLETE)

    async def _keep_alive(self, send: Send) -> None:
        """Send a comment at once and at intervals, so that proxies and the client know that the stream is open."""
        while True:
            await self._send(send, KEEP_ALIVE)
            await asyncio.sleep(self._limits.ping_seconds)

    async def _end(self, send: Send) -> None:
        """Wait for the end of the connection. If the sign-in has ended, say so: a client resumes a stream that just breaks off."""
        if await self._connection.ended == FORBIDDEN:
            await self._send(send, next_event(failure(Unauthenticated())) + COMPLETE)

    async def _send(self, send: Send, body: bytes, *, more: bool = True) -> None:
        async with asyncio.timeout(self._limits.send_seconds):
            await send({"type": "http.response.body", "body": body, "more_body": more})


def next_event(answer: Answer) -> bytes:
    """One answer as an event."""
    return b"event: next\ndata: " + answer.text.encode() + b"\n\n"


async def hang_up(scope: Scope, receive: Receive) -> None:
    """Break the connection off, if the server has a way to, and wait for its end."""
    abort: Callable[[], None] | None = (scope.get("extensions") or {}).get(HANG_UP)
    if abort:
        abort()
        await disconnected(receive)
