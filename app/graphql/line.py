"""The server's connections with what ASGI has no words for: hanging up, and on a WebSocket sending without waiting."""

import struct
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

EXTENSION = "muster.line"
HANG_UP = "muster.hang_up"
LAST_SECONDS = 10.0  # time that a client has to take what was sent before the end

TEXT = 0x81  # a whole message in one frame
SHORT, MEDIUM = 125, 2**16 - 1  # payloads whose length fits into one byte, and into two more


class HttpLine(HttpToolsProtocol):
    """To be given to uvicorn as its HTTP implementation; applications find a way to hang up in the scope of each request."""

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self.scope["extensions"] = {HANG_UP: self.transport.abort}  # type: ignore[dict-item]  # uvicorn knows mappings only


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
