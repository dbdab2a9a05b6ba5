"""Requests at a constant rate, whether or not earlier ones have been answered, as from many independent clients.

    python -m bench.open_loop

reads jobs from standard input, a line of JSON each, and answers each with a line. A server that stalls is not waited for: what
should have been sent meanwhile is sent, and its latency counts from the moment at which it was due.
"""

import asyncio
import json
import random
import sys
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import uvloop

MOST_CONNECTIONS = 2_000
MOST_TOLD = 5  # failures whose answers are reported
FAILURES = (b'"errors":', b'"userErrors":[{')


class Load(NamedTuple):
    """What to send, where to, and how often. Each kind of request has a share of the rate and a set of bodies."""

    port: int
    path: str
    token: str
    rate: float
    seconds: float
    shares: Mapping[str, float]
    bodies: Mapping[str, Sequence[str]]


class Connection(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._answer: asyncio.Future[bytes] | None = None
        self._received = bytearray()
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head) and self._answer:
            self._answer.set_result(bytes(self._received))
            self._received.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    async def ask(self, request: bytes) -> bytes:
        """Send a request and wait for its whole answer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer


def _length(head: bytes | bytearray) -> int:
    lines = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(lines[0].partition(b":")[2]) if lines else 0


class Generator:
    """Sends a load, on as many connections as it takes."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._idle: list[Connection] = []
        self._opened = 0
        self.latencies: dict[str, list[float]] = {kind: [] for kind in load.shares}
        self.failures: list[str] = []
        self.failed = 0

    async def run(self) -> None:
        """Send everything at its time, and wait for the last answer."""
        load, chance = self._load, random.Random(1)
        kinds, weights = list(load.shares), list(load.shares.values())
        running: set[asyncio.Task[None]] = set()
        began = perf_counter()
        for number in range(round(load.rate * load.seconds)):
            due = began + number / load.rate
            await asyncio.sleep(max(due - perf_counter(), 0))
            (kind,) = chance.choices(kinds, weights)
            task = asyncio.create_task(self._send(kind, chance.choice(load.bodies[kind]), due))
            running.add(task)
            task.add_done_callback(running.discard)
        await asyncio.gather(*running)

    async def _send(self, kind: str, body: str, due: float) -> None:
        try:
            connection = await self._connection()
            answer = await connection.ask(self._request(body))
        except OSError as error:
            self._fail(f"{kind}: {error!r}")
            return
        self.latencies[kind].append((perf_counter() - due) * 1000)
        self._idle.append(connection)
        if not answer.startswith(b"HTTP/1.1 20") or any(failure in answer for failure in FAILURES):
            self._fail(f"{kind}: {answer.decode(errors='replace')[-500:]}")

    async def _connection(self) -> Connection:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_lost:
                return connection
        self._opened += 1
        if self._opened > MOST_CONNECTIONS:
            raise ConnectionError("the server does not keep up: all connections are busy")
        return (await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", self._load.port))[1]

    def _fail(self, reason: str) -> None:
        self.failed += 1
        if len(self.failures) < MOST_TOLD:
            self.failures.append(reason)

    def _request(self, body: str) -> bytes:
        head = (
            f"POST {self._load.path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._load.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        )
        return (head + body).encode()


async def main() -> None:
    """Do one job after the other."""
    while line := await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline):
        generator = Generator(Load(*json.loads(line)))
        await generator.run()
        print(json.dumps([generator.latencies, generator.failed, generator.failures]), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
