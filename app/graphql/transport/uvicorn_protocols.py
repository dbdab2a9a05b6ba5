"""Uvicorn's protocols with what ASGI does not offer: bounds, hanging up, and sending on a WebSocket without waiting.

They use much of uvicorn that is not documented. `tests/test_adapters.py` fails when an upgrade moves any of it.
"""

import asyncio
import struct
from typing import Any, Literal

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame

from app.graphql.transport.unread_bytes import UnreadBytes

WEBSOCKET = "muster.websocket"  # where an application finds the protocol, in the extensions of the scope
HANG_UP = "muster.hang_up"  # and a function that breaks the connection off
UNREAD = "muster.unread"  # and one that takes what counts the bytes that the client has not read
LAST_SECONDS = 10.0  # time that a client has to read what was sent before the end
LONGEST_HEAD = 2**16  # bytes of a head or of trailers, apart from the first packet: when there are more, no more are read
TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Due = tuple[Literal["send", "read", "request"], RequestResponseCycle | None]

LONGEST_AT_ONCE = 2**16  # characters of a message that is sent without counting its bytes before
TEXT = 0x81  # a whole message in one frame
SHORT, MEDIUM = 125, 2**16 - 1  # payloads whose length fits into one byte, and into two more


class HttpProtocol(HttpToolsProtocol):
    """An HTTP implementation for uvicorn that hangs up on a client that does nothing for too long.

    A client that has to send its request or to read what was sent, and does neither for `patience` seconds, is hung up on
    within twice that time. One that waits for an answer may wait.
    """

    def __init__(self, *, patience: float = 30.0, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self._patience = patience
        self._watching: asyncio.TimerHandle | None = None
        self._seen: Due | None = None
        self._in_head = self._has_head = False
        self._head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to watch what the client does."""
        super().connection_made(transport)
        self._unread = UnreadBytes(transport)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching the client."""
        self._leave()
        self._unread.close()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the WebSocket, which has deadlines of its own."""
        self._leave()
        super().handle_websocket_upgrade()

    def pause_writing(self) -> None:
        """Stop sending, because the client does not read as fast."""
        super().pause_writing()
        self._unread.count()

    def resume_writing(self) -> None:
        """Go on sending. The client has read something, so its time begins anew."""
        super().resume_writing()
        self._unread.forget()
        self._seen = None

    def _watch(self) -> None:
        self._seen = self._due_from_client
        self._watching = self.loop.call_later(self._patience, self._look)

    def _leave(self) -> None:
        if self._watching:
            self._watching.cancel()

    def _look(self) -> None:
        if self._seen and self._seen == self._due_from_client:
            self.transport.abort()
        else:
            self._watch()

    @property
    def _due_from_client(self) -> Due | None:
        """What the client has to do, and for which request. None while it waits for an answer, or for its data to be read."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        if self.flow.write_paused:
            return "read", None  # whatever else it sends meanwhile
        if cycle is None:
            return "send", None
        if cycle.response_complete:
            return "request", cycle
        if cycle.more_body and not self.pipeline and not self.flow.read_paused:
            return "send", cycle
        return None

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of a request is too long."""
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
        self.scope["extensions"] = {HANG_UP: self.transport.abort, UNREAD: self._unread.count_into}  # type: ignore[dict-item]  # uvicorn knows mappings only

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header. Those after the body are dropped, because a client could claim to have another address in them."""
        if not self._has_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer it."""
        self._in_head, self._has_head = False, True
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        """Begin a part of the body, or the trailers, which are bounded like a head."""
        self._begin_head()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._in_head = False
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End the request."""
        self._in_head = False
        super().on_message_complete()


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """A WebSocket implementation for uvicorn that can send a message without waiting. Applications find it in the scope."""

    _pong: bytes | None = None  # to be sent when there is room
    _last_moment: asyncio.TimerHandle | None = None  # when it is hung up on, though it may not have read the end

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Begin to count what the client does not read."""
        super().connection_made(transport)
        self.unread = UnreadBytes(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting what the client does not read."""
        self.unread.close()
        if self._last_moment:
            self._last_moment.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Stop sending, because the client does not read as fast."""
        super().pause_writing()
        self.unread.count()

    def handle_text(self, event: Frame) -> None:
        """Take a text frame, and leave nothing of it to the parser, which holds the last one until the next one comes."""
        super().handle_text(event)
        event.data = b""

    def handle_cont(self, event: Frame) -> None:
        """Take a further frame of a message."""
        super().handle_cont(event)
        event.data = b""

    def handle_bytes(self, event: Frame) -> None:
        """Take a frame of another kind than text."""
        super().handle_bytes(event)
        event.data = b""

    def handle_ping(self) -> None:
        """Answer the client's pings, or the last of them later if the client does not read: more than one pong is never kept."""
        pongs = self.conn.data_to_send()  # those to all pings that came at once
        if self.writable.is_set():
            self.transport.write(b"".join(pongs))
        elif pongs:
            self._pong = pongs[-1]

    def resume_writing(self) -> None:
        """Go on sending, a pong that is due first."""
        super().resume_writing()
        self.unread.forget()
        if self._pong and self._is_open:
            self.transport.write(self._pong)
        self._pong = None

    async def run_asgi(self) -> None:
        """Run the application, and hang up soon after its end on a client that does not read."""
        extensions: dict[str, Any] = self.scope["extensions"] or {}
        extensions[WEBSOCKET] = self
        await super().run_asgi()
        if self in self.connections:
            self._last_moment = self.loop.call_later(LAST_SECONDS, self.hang_up)

    def hang_up(self) -> None:
        """Break the connection off, without waiting for the client to read what was sent."""
        self.transport.abort()

    def send_at_once(self, text: str) -> bool:
        """Send a text message if that needs no waiting. Otherwise do nothing, and return False."""
        is_short = len(text) <= LONGEST_AT_ONCE
        if not is_short or not self.writable.is_set() or not self._is_open or self.conn.extensions:
            return False
        self.transport.write(text_frame(text))
        return True

    async def until_writable(self) -> None:
        """Wait until the client has read what was sent before."""
        await self.writable.wait()

    @property
    def _is_open(self) -> bool:
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())


def text_frame(text: str) -> bytes:
    """The frame of a text message from a server."""
    payload = text.encode()
    size = len(payload)
    if size <= SHORT:
        return struct.pack("!BB", TEXT, size) + payload
    if size <= MEDIUM:
        return struct.pack("!BBH", TEXT, SHORT + 1, size) + payload
    return struct.pack("!BBQ", TEXT, SHORT + 2, size) + payload
