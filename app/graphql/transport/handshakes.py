"""Counts the handshakes of WebSockets, before anything is kept for them."""

from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from app.graphql.transport.accept import JSON
from app.graphql.transport.http import refusal
from app.rates.addresses import address_of
from models.errors import RateLimited

CountHandshake = Callable[[str], Awaitable[None]]
"""Counts a handshake from this address. Raises `RateLimited` if there were too many."""


async def uncounted(_address: str) -> None:
    """Count nothing."""


class CountedHandshakes:
    """An ASGI application that refuses the handshake of a WebSocket with 429 if its address sent too many requests."""

    def __init__(self, app: ASGIApp, count: CountHandshake) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket, or refuse it."""
        socket = WebSocket(scope, receive, send)
        try:
            await self._count(address_of(socket))
        except RateLimited as error:
            await socket.send_denial_response(refusal(error, JSON))
        else:
            await self._app(scope, receive, send)
