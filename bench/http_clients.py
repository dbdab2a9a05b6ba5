"""Cheap HTTP clients in a process of their own, so that the server is what is measured. Each uses one connection.

    python -m bench.http_clients

reads jobs from standard input, a line of JSON each, and answers each with a line: the seconds that it took in all, and the
milliseconds of every request.
"""

import asyncio
import json
import sys
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import uvloop

EXPECTED = b'"changed":1'


class Job(NamedTuple):
    """What to ask, and how many clients share it."""

    port: int
    token: str
    clients: int
    bodies: Sequence[str]


class Timed(NamedTuple):
    """How long a job took in all, in seconds, and each of its requests, in milliseconds."""

    seconds: float
    latencies: Sequence[float]


class Client(asyncio.Protocol):
    """One connection with at most one request on its way."""

    def __init__(self) -> None:
        self._transport: Any = None
        self._answer: asyncio.Future[bytes] | None = None
        self._received = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        if found and len(body) >= _length(head) and self._answer:
            self._answer.set_result(bytes(self._received))
            self._received.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server hung up"))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    async def ask(self, request: bytes) -> float:
        """Send a request, wait for its whole answer, and return the milliseconds."""
        self._answer = asyncio.get_running_loop().create_future()
        start = perf_counter()
        self._transport.write(request)
        answer = await self._answer
        if EXPECTED not in answer:
            raise SystemExit(f"the server answered {answer.decode()}")
        return (perf_counter() - start) * 1000


def _length(head: bytearray | bytes) -> int:
    (line,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return int(line.partition(b":")[2])


async def run(job: Job) -> Timed:
    """Connect all clients, then let them share the requests."""
    loop = asyncio.get_running_loop()
    clients = [(await loop.create_connection(Client, "127.0.0.1", job.port))[1] for _ in range(job.clients)]
    requests = iter([_request(job, body) for body in job.bodies])
    start = perf_counter()
    found = await asyncio.gather(*(_ask_in_turn(client, requests) for client in clients))
    seconds = perf_counter() - start
    for client in clients:
        client.close()
    return Timed(seconds, [latency for latencies in found for latency in latencies])


async def _ask_in_turn(client: Client, requests: Iterator[bytes]) -> list[float]:
    return [await client.ask(request) for request in requests]


def _request(job: Job, body: str) -> bytes:
    head = (
        f"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\nAuthorization: Bearer {job.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body.encode())}\r\n\r\n"
    )
    return (head + body).encode()


async def main() -> None:
    """Do one job after the other."""
    for line in sys.stdin:
        print(json.dumps(await run(Job(*json.loads(line)))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())
