"""The server's connections with what ASGI has no words for: bounds, hanging up, and on a WebSocket sending without waiting."""

import asyncio
import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "muster.line"
HANG_UP = "muster.hang_up"
LAST_SECONDS = 10.0  # time that a client has to take what was sent before the end
LONGEST_HEAD = 2**16  # bytes of a request before its body, beside those that came at once: beyond these no more are read
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

TEXT = 0x81  # a whole message in one frame
SHORT, MEDIUM = 125, 2**16 - 1  # payloads whose length fits into one byte, and into two more


class HttpLine(HttpToolsProtocol):
    """To be given to uvicorn as its HTTP implementation; applications find a way to hang up in the scope of each request.

    A client that in `patience` seconds neither sends a whole request nor takes a whole answer is hung up on within twice that time,
    unless it waits for an answer.
    """

    def __init__(self, *, patience: float = 30.0, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._patience = patience
        self._watching: asyncio.TimerHandle | None = None
        self._seen: object = None
        self._in_head = False
        self._head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch the client."""
        super().connection_made(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Watch it no longer."""
        self._leave()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the WebSocket, which has deadlines of its own."""
        self._leave()
        super().handle_websocket_upgrade()

    def _watch(self) -> None:
        self._seen = self.cycle
        self._watching = self.loop.call_later(self._patience, self._look)

    def _leave(self) -> None:
        if self._watching:
            self._watching.cancel()

    def _look(self) -> None:
        if self.cycle is self._seen and self._is_clients_turn:
            self.transport.abort()
        else:
            self._watch()

    @property
    def _is_clients_turn(self) -> bool:
        """Whether the client has something to do: send a request, or the rest of one, or take what is left of an answer."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is None or cycle.more_body or cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of a request is too long to be kept."""
        began_before = self._in_head
        super().data_received(data)
        self._head = self._head + len(data) if began_before and self._in_head else 0
        if self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_head = True
        self.scope["extensions"] = {HANG_UP: self.transport.abort}  # type: ignore[dict-item]  # uvicorn knows mappings only

    def on_headers_complete(self) -> None:
        """Begin to answer it."""
        self._in_head = False
        super().on_headers_complete()


class Line(WebSocketsSansIOProtocol):
    """To be given to uvicorn as its WebSocket implementation; applications find it in the scope."""

    async def run_asgi(self) -> None:
        """Run the application, and let no client that does not read keep the connection open after its end."""
        extensions: dict[str, Any] = self.scope["extensions"] or {}
        extensions[EXTENSION] = self
        await super().run_asgi()
        if self.transport.get_write_buffer_size():
            self.loop.call_later(LAST_SECONDS, self.hang_up)

    def hang_up(self) -> None:
        """Break the connection off, without waiting for the client to take what was sent."""
        self.transport.abort()

    def send_at_once(self, text: str) -> bool:
        """Send a text message if the client makes room for it at once; otherwise do nothing, and return False."""
        if not self.writable.is_set() or not self._is_open or self.conn.extensions:
            return False
        self.transport.write(text_frame(text))
        return True

    @property
    def _is_open(self) -> bool:
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())


def text_frame(text: str) -> bytes:
    """A text message as a server sends it."""
    payload = text.encode()
    size = len(payload)
    if size <= SHORT:
        return struct.pack("!BB", TEXT, size) + payload
    if size <= MEDIUM:
        return struct.pack("!BBH", TEXT, SHORT + 1, size) + payload
    return struct.pack("!BBQ", TEXT, SHORT + 2, size) + payload
