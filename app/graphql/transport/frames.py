"""Reading and sending JSON messages on a WebSocket: bounded in length when read, within a deadline when sent."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager, suppress

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from app.graphql.execution.answer_budgets import Holding
from app.graphql.execution.wire import decode, encode
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.strawberry_websockets import (
    ASGIWebSocketAdapter,
    GraphQL,
    NonJsonMessageReceived,
    NonTextMessageReceived,
    WebSocketDisconnected,
)
from app.graphql.transport.uvicorn_protocols import WEBSOCKET, WebSocketProtocol
from models.errors import BadInput
from subscriptions.wakeups.restartable_timer import RestartableTimer

LONGEST_REASON = 123  # bytes: more do not fit into a close frame
TOO_LONG = 1009


class Frames(ASGIWebSocketAdapter):
    """The messages of one WebSocket, as strawberry's protocol handler reads and sends them."""

    def __init__(self, limits: TransportLimits, view: GraphQL, request: WebSocket, response: WebSocket) -> None:
        super().__init__(view, request, response)
        self._limits = limits
        self._protocol: WebSocketProtocol | None = (response.scope.get("extensions") or {}).get(WEBSOCKET)
        self._sending = 0
        self._room = asyncio.Lock()
        self.deadline = RestartableTimer(limits.send_seconds, self._give_up)
        self.stalled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the client did not read for too long: then nothing more can be sent to it."""

    def count_unread_into(self, holding: Holding) -> None:
        """Count the bytes that the client has not read into this holding."""
        if self._protocol:
            self._protocol.unread.count_into(holding)

    def hang_up(self) -> None:
        """Break the connection off."""
        if self._protocol:
            self._protocol.hang_up()

    def _give_up(self) -> None:
        if not self.stalled.done():
            self.stalled.set_result(None)
        self.hang_up()

    @property
    def _is_open(self) -> bool:
        return self.ws.application_state == WebSocketState.CONNECTED

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """Every message until the connection closes."""
        with suppress(WebSocketDisconnect):
            while self._is_open:
                message: bytes | None = await self._read()
                if message is None or len(message) > self._limits.message_bytes:
                    await self.close(TOO_LONG, f"A message may have {self._limits.message_bytes} bytes")
                    return
                parsed, message = parse(message), None  # neither is held while the next one is awaited
                yield parsed
                del parsed

    async def _read(self) -> bytes:
        try:
            return (await self.ws.receive_text()).encode()
        except KeyError:
            raise NonTextMessageReceived from None

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send one message."""
        await self.send_text(encode(message).decode())

    async def send_text(self, message: str) -> None:
        """Send one message. When that takes longer than the send deadline, the connection is given up."""
        if not self._is_open or self.stalled.done():
            raise WebSocketDisconnected
        with self._within_deadline():
            try:
                await self.ws.send({"type": "websocket.send", "text": message})
            except WebSocketDisconnect:
                raise WebSocketDisconnected from None

    async def send_answer(self, begin: str, text: str) -> None:
        """Send a message that consists of its begin, a long text and a brace, put together when there is room for it."""
        async with self._room:
            await self._until_writable()
            await self.send_text(f"{begin}{text}}}")

    async def until_room(self) -> None:
        """Wait until the client has read the answers that were sent before."""
        async with self._room:
            await self._until_writable()

    async def _until_writable(self) -> None:
        if self._protocol and not self.stalled.done():
            with self._within_deadline():
                await self._protocol.until_writable()

    @contextmanager
    def _within_deadline(self) -> Iterator[None]:
        if not self._sending:
            self.deadline.set()
        self._sending += 1
        try:
            yield
        finally:
            self._sending -= 1
            if self._sending:
                self.deadline.set()
            else:
                self.deadline.unset()

    def send_at_once(self, message: str) -> bool:
        """Send one message if that needs no waiting. Otherwise do nothing, and return False."""
        return self._protocol is not None and not self._sending and self._is_open and self._protocol.send_at_once(message)

    async def close(self, code: int, reason: str) -> None:
        """Close, unless it is closed or being closed already. A client that does not read is given up."""
        if not self._is_open:
            return
        try:
            async with asyncio.timeout(self._limits.send_seconds):
                await self.ws.close(code, reason.encode()[:LONGEST_REASON].decode(errors="ignore"))
        except TimeoutError:
            self._give_up()
        except WebSocketDisconnect:
            pass


def parse(message: bytes) -> object:
    """The JSON value of a message."""
    try:
        return decode(message)
    except BadInput:
        raise NonJsonMessageReceived from None
