"""The server's connections with what ASGI has no words for: bounds, hanging up, and on a WebSocket sending without waiting."""

import asyncio
import struct
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "muster.line"
HANG_UP = "muster.hang_up"
LAST_SECONDS = 10.0  # time that a client has to take what was sent before the end
LONGEST_HEAD = 2**16  # bytes of a head, or of what follows a chunked body, beside those that it began with: beyond these no more are read
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Turn = tuple[Literal["send", "take", "ask"], RequestResponseCycle | None]

TEXT = 0x81  # a whole message in one frame
SHORT, MEDIUM = 125, 2**16 - 1  # payloads whose length fits into one byte, and into two more


class HttpLine(HttpToolsProtocol):
    """To be given to uvicorn as its HTTP implementation; applications find a way to hang up in the scope of each request.

    A client whose turn it is, be it to send a request or to take what was sent, and that lets `patience` seconds pass, is hung up on
    within twice that time. One that waits for an answer may wait.
    """

    def __init__(self, *, patience: float = 30.0, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._patience = patience
        self._watching: asyncio.TimerHandle | None = None
        self._seen: Turn | None = None
        self._in_head = self._has_head = False
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

    def resume_writing(self) -> None:
        """Go on sending; the client has taken something, and its time begins anew."""
        super().resume_writing()
        self._seen = None

    def _watch(self) -> None:
        self._seen = self._clients_turn
        self._watching = self.loop.call_later(self._patience, self._look)

    def _leave(self) -> None:
        if self._watching:
            self._watching.cancel()

    def _look(self) -> None:
        if self._seen and self._seen == self._clients_turn:
            self.transport.abort()
        else:
            self._watch()

    @property
    def _clients_turn(self) -> Turn | None:
        """What the client has to do, and at which request; nothing while it waits for an answer, or for its data to be read."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if self.flow.write_paused:
            return "take", None  # whatever else it asks for meanwhile
        if cycle is None:
            return "send", None
        if cycle.response_complete:
            return "ask", cycle
        if cycle.more_body and not self.pipeline and not self.flow.read_paused:
            return "send", cycle
        return None

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of a request is too long to be kept."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self._in_head and self._head > LONGEST_HEAD and not self.transport.is_closing():
            self.transport.write(TOO_LONG)
            self.transport.close()

    def _begin_head(self) -> None:
        self._in_head, self._head = True, 0

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._begin_head()
        self._has_head = False
        self.scope["extensions"] = {HANG_UP: self.transport.abort}  # type: ignore[dict-item]  # uvicorn knows mappings only

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; after the body, where a client could still claim to have another address, they are dropped."""
        if not self._has_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer it."""
        self._in_head, self._has_head = False, True
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Begin a part of the body, or what follows the last one, which is kept like a head."""
        self._begin_head()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._in_head = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._in_head = False
        super().on_message_complete()


class Line(WebSocketsSansIOProtocol):
    """To be given to uvicorn as its WebSocket implementation; applications find it in the scope."""

    _pong: bytes | None = None  # to be sent when there is room

    def handle_ping(self) -> None:
        """Answer, or if the client takes nothing, answer the last of its pings later: that is enough, and all that is kept."""
        pongs = self.conn.data_to_send()  # those to all pings that came at once
        if self.writable.is_set():
            self.transport.write(b"".join(pongs))
        elif pongs:
            self._pong = pongs[-1]

    def resume_writing(self) -> None:
        """Go on sending, a pong that is due first."""
        super().resume_writing()
        if self._pong and self._is_open:
            self.transport.write(self._pong)
        self._pong = None

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
