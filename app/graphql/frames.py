"""JSON in the text frames of a WebSocket: of bounded length when read, within a deadline when sent."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected

from app.graphql.limits import TransportLimits
from app.graphql.wire import decode, encode
from models.errors import BadInput

LONGEST_REASON = 123  # bytes: more do not fit into a close frame
TOO_LONG = 1009


class Frames(ASGIWebSocketAdapter):
    """What strawberry's protocol handler reads from and writes to."""

    def __init__(self, limits: TransportLimits, view: GraphQL, request: WebSocket, response: WebSocket) -> None:
        super().__init__(view, request, response)
        self._limits = limits
        self.stalled = asyncio.Event()
        """Set when the client made no room for a message in time: then it can be told nothing more."""

    @property
    def _is_open(self) -> bool:
        return self.ws.application_state == WebSocketState.CONNECTED

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Every message until the connection closes."""
        with suppress(WebSocketDisconnect):
            while self._is_open:
                message = await self._read()
                if len(message) > self._limits.message_bytes:
                    await self.close(TOO_LONG, f"A message may have {self._limits.message_bytes} bytes")
                    return
                yield parse(message)

    async def _read(self) -> bytes:
        try:
            return (await self.ws.receive_text()).encode()
        except KeyError:
            raise NonTextMessageReceived from None

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message; waiting for room takes the send deadline at most, and then the connection is given up."""
        if not self._is_open or self.stalled.is_set():
            raise WebSocketDisconnected
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self.ws.send_text(encode(message).decode())
        except TimeoutError:
            self.stalled.set()
            raise WebSocketDisconnected from None
        except WebSocketDisconnect:
            raise WebSocketDisconnected from None

    async def close(self, code: int, reason: str) -> None:
        """Close, unless it is closed or being closed already."""
        if not self._is_open:
            return
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(self._limits.send_seconds):
                await self.ws.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))


def parse(message: bytes) -> object:
    """The JSON value of a message."""
    try:
        return decode(message)
    except BadInput:
        raise NonJsonMessageReceived from None
