"""Thousands of WebSockets in one cheap process, so that the server is what is measured.

    python -m bench.sockets

Reads commands from standard input, a line of JSON each, and answers each with a line. `open` opens sockets, which send the
given texts and are ready after a number of messages. `await` waits for one more message on each. `close` closes them all.
"""

import asyncio
import json
import struct
import sys
from time import perf_counter
from typing import Any, cast

import uvloop

AT_ONCE = 200  # sockets that are being opened side by side
HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
LONG, LONGER = 126, 127


def frame(text: str) -> bytes:
    """A text frame as a client sends it, under a mask that changes nothing."""
    payload = text.encode()
    size = len(payload)
    head = bytes([0x81, 0x80 | size]) if size < LONG else bytes([0x81, 0x80 | LONG]) + struct.pack("!H", size)
    return head + bytes(4) + payload


class Round:
    """One more message for each of so many sockets: when the first and the last of them came."""

    def __init__(self, missing: int) -> None:
        self.missing = missing
        self.first = 0.0
        self.last = 0.0
        self.size = 0
        self.done = asyncio.Event()

    def note(self, size: int) -> None:
        """A message of this size came."""
        self.last = perf_counter()
        self.first = self.first or self.last
        self.size = size
        self.missing -= 1
        if self.missing == 0:
            self.done.set()


class Socket(asyncio.Protocol):
    """One WebSocket that only counts what it is sent."""

    def __init__(self, sockets: "Sockets", order: dict[str, Any]) -> None:
        self._sockets = sockets
        self._order = order
        self._buffer = b""
        self._upgraded = False
        self._is_ending = False
        self._greeting: int = order["greeting"]
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the upgrade."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(HANDSHAKE.format(path=self._order["path"]).encode())

    def data_received(self, data: bytes) -> None:
        """Count the frames, whatever they say."""
        data = self._buffer + data if self._buffer else data
        if not self._upgraded:
            head, found, data = data.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            self._upgraded = True
            self.transport.write(b"".join(map(frame, self._order["texts"])))
        self._buffer = self._count(data)

    def _count(self, data: bytes) -> bytes:
        start, end = 0, len(data)
        while end - start > 1:
            size, skip = data[start + 1], 2
            if size == LONG:
                skip, size = 4, int.from_bytes(data[start + 2 : start + 4])
            elif size == LONGER:
                skip, size = 10, int.from_bytes(data[start + 2 : start + 10])
            if start + skip + size > end:
                break
            start += skip + size
            self._note(size)
        return data[start:]

    def _note(self, size: int) -> None:
        if self._greeting:
            self._greeting -= 1
            if not self._greeting:
                self.ready.set_result(None)
        else:
            self._sockets.round.note(size)

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so if it was not to be: a run with lost sockets measures nothing."""
        if not self._is_ending:
            raise SystemExit("the server closed a socket")

    def end(self) -> None:
        """Hang up."""
        self._is_ending = True
        self.transport.abort()


class Sockets:
    """All open sockets, and the round that is awaited."""

    def __init__(self) -> None:
        self._open: list[Socket] = []
        self.round = Round(0)

    async def obey(self, command: dict[str, Any]) -> dict[str, Any]:
        """Carry out one command."""
        match command:
            case {"open": int(count), **order}:
                for start in range(0, count, AT_ONCE):
                    await asyncio.gather(*(self._connect(order) for _ in range(min(AT_ONCE, count - start))))
                self.round = Round(len(self._open))
            case {"await": _}:
                await self.round.done.wait()
                ended, self.round = self.round, Round(len(self._open))
                return {"first": ended.first, "last": ended.last, "size": ended.size}
            case {"close": _}:
                for socket in self._open:
                    socket.end()
                self._open.clear()
        return {}

    async def _connect(self, order: dict[str, Any]) -> None:
        _, socket = await asyncio.get_running_loop().create_connection(lambda: Socket(self, order), "127.0.0.1", order["port"])
        await socket.ready
        self._open.append(socket)


async def main() -> None:
    """Obey until standard input ends."""
    sockets, loop = Sockets(), asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await sockets.obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
