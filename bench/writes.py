"""What a write costs: `addTags` on one contact that joins one group, beside the same rows stored by hand in one transaction.

    python -m bench.writes [--sizes 0 100 1000 10000] [--engines sqlite postgresql] [--rounds 9] [--workers 1]

Accounts with ever more groups that the write has nothing to do with stand side by side in one database and are measured in
turns. Each engine has a process of its own, because the ORM serves only one in a process.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import uvloop

from app.composition import PRODUCT
from app.running.services import wall_clock
from bench.http_clients import Job, Timed
from bench.loading import load
from bench.raw_writes import RawWriter, raw_writer, write_by_hand
from bench.servers import new_database, temporary_server
from bench.serving import serving
from bench.timing import interleaved
from bench.waiting import Watched
from bench.write_report import CLIENTS, NAMES, Result, report
from bench.write_world import UNRELATED, World, batches, worlds
from models.engine.database import open_database
from models.engine.statement import Engine
from models.ids import to_global_id
from resolvers.access.sign_in import authenticate
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import Services
from resolvers.tagging.taggings import add_tags
from subscriptions.bus import LocalBus
from subscriptions.hub import Hub

ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")
WRITES = {1: 60, 8: 160, 32: 320}  # of one round, by clients
SECONDS = 15.0  # for all rounds of the comparison inside one process
QUERY = "mutation Tag($input: TagContactsInput!) { addTags(input: $input) { changed contacts { id } userErrors { message } } }"
CLIENT = (sys.executable, "-m", "bench.http_clients")


class Lane:
    """An account to write to, where each write takes the next contact."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._numbers = count()

    def next(self) -> int:
        """The number of the next contact."""
        return next(self._numbers)

    async def by_hand(self, writer: RawWriter) -> None:
        """Store what a write comes to."""
        await write_by_hand(writer, self.world, self.next())

    async def by_muster(self, services: Services) -> None:
        """Write as a request does, from the token to the result."""
        number = self.next()
        context = await authenticate(services, f"Bearer {self.world.token}")
        done = await add_tags(context, contact_ids=[self._contact(number)], tags=[{"name": self._tag(number)}])
        if done.changed != 1:
            raise SystemExit(f"{self.world.name}: contact {number} was tagged already")

    def bodies(self, writes: int) -> list[str]:
        """The bodies of so many requests."""
        return [json.dumps({"query": QUERY, "variables": {"input": self._input(self.next())}}) for _ in range(writes)]

    def _input(self, number: int) -> dict[str, Any]:
        return {"contactIds": [self._contact(number)], "tags": [{"name": self._tag(number)}]}

    def _contact(self, number: int) -> str:
        return to_global_id("Contact", self.world.contact(number))

    def _tag(self, number: int) -> str:
        return f"Tag {number % self.world.hot_groups}"


async def measure_engine(engine: Engine, arguments: argparse.Namespace) -> None:
    """Measure everything on one engine, and print each result as a line of JSON."""
    with temporary_server(engine) as server:
        async with new_database(server) as url:
            found = worlds(arguments.sizes)
            await load(url, batches(found))
            by_hand, *lanes = map(Lane, found)
            async with raw_writer(url) as writer:
                _tell(engine, "inside one process")
                await _compare_inside(url, partial(by_hand.by_hand, writer), lanes, engine)
                async with serving(url, arguments.workers) as port, http_clients() as clients:
                    for number in CLIENTS:
                        _tell(engine, f"over HTTP with {number} clients")
                        await _compare_over_http(_Rivals(engine, by_hand, writer, lanes, port, clients), number, arguments.rounds)


async def _compare_inside(url: str, by_hand: Any, lanes: Sequence[Lane], engine: Engine) -> None:
    async with open_database(url) as database:
        await start(database, wall_clock())
        services = Services(database, Hub(database, LocalBus()), DefinitionsCache(CriteriaLimits(), PRODUCT.record_types), wall_clock)
        floor, *rivals = [Watched(by_hand), *(Watched(partial(lane.by_muster, services)) for lane in lanes)]
        await interleaved([floor, *rivals], seconds=SECONDS)
    for lane, rival in zip(lanes, rivals, strict=True):
        waits = _median_ratio([mine.waiting for mine in rival.runs], [least.waiting for least in floor.runs])
        totals = _median_ratio([mine.total for mine in rival.runs], [first.total for first in rivals[0].runs])
        _publish(Result(engine, lane.world.name, "database", *waits))
        _publish(Result(engine, lane.world.name, "in all", *totals))
        _publish(Result(engine, lane.world.name, "waits", median(mine.times for mine in rival.runs), floor.runs[0].times))


class HttpClients:
    """The process with the clients."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def run(self, job: Job) -> Timed:
        """Have a job done."""
        assert self._process.stdin and self._process.stdout  # noqa: S101, PT018  # they were asked for
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        return Timed(*json.loads(await self._process.stdout.readline()))


@asynccontextmanager
async def http_clients() -> AsyncIterator[HttpClients]:
    """Start the process with the clients, and end it."""
    process = await asyncio.create_subprocess_exec(*CLIENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=2**24)
    assert process.stdin  # noqa: S101  # it was asked for
    try:
        yield HttpClients(process)
    finally:
        process.stdin.close()
        await process.wait()


class _Rivals(NamedTuple):
    engine: Engine
    floor: Lane
    writer: RawWriter
    lanes: Sequence[Lane]
    port: int
    clients: HttpClients

    async def by_hand(self, clients: int) -> Timed:
        """So many tasks that store by hand, in this process."""
        turns = iter(range(WRITES[clients]))
        start = perf_counter()
        found = await asyncio.gather(*(self._in_turn(turns) for _ in range(clients)))
        return Timed(perf_counter() - start, [latency for latencies in found for latency in latencies])

    async def _in_turn(self, turns: Iterator[int]) -> list[float]:
        latencies = []
        for _ in turns:
            start = perf_counter()
            await self.floor.by_hand(self.writer)
            latencies.append((perf_counter() - start) * 1000)
        return latencies

    async def over_http(self, lane: Lane, clients: int) -> Timed:
        """So many clients that write through the server."""
        return await self.clients.run(Job(self.port, lane.world.token, clients, lane.bodies(WRITES[clients])))


async def _compare_over_http(rivals: _Rivals, clients: int, rounds: int) -> None:
    for lane in rivals.lanes:
        await rivals.over_http(lane, clients)
    floors, found = [], []
    for _ in range(rounds):
        floors.append(await rivals.by_hand(clients))
        found.append([await rivals.over_http(lane, clients) for lane in rivals.lanes])
    for number, lane in enumerate(rivals.lanes):
        mine = [turn[number] for turn in found]
        latency = _median_ratio([median(timed.latencies) for timed in mine], [median(timed.latencies) for timed in floors])
        rate = _median_ratio([WRITES[clients] / timed.seconds for timed in mine], [WRITES[clients] / timed.seconds for timed in floors])
        _publish(Result(rivals.engine, lane.world.name, f"latency {clients}", *latency))
        _publish(Result(rivals.engine, lane.world.name, f"rate {clients}", *rate))


def _median_ratio(mine: Sequence[float], floor: Sequence[float]) -> tuple[float, float]:
    return median(mine), median(each / least for each, least in zip(mine, floor, strict=True))


def _publish(result: Result) -> None:
    print(json.dumps(result), flush=True)


def _tell(engine: Engine, progress: str) -> None:
    print(f"{NAMES[engine]}: {progress}", file=sys.stderr, flush=True)


def results_of(engine: Engine, arguments: argparse.Namespace) -> Iterator[Result]:
    """What a process of its own finds out about one engine."""
    sizes = [str(size) for size in arguments.sizes]
    further = ["--rounds", str(arguments.rounds), "--workers", str(arguments.workers if engine == "postgresql" else 1)]
    command = [sys.executable, "-m", "bench.writes", "--within", engine, "--sizes", *sizes, *further]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        for line in process.stdout:
            yield Result(*json.loads(line))
    if process.returncode:
        raise SystemExit(process.returncode)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.writes", description="A write beside the same rows stored by hand.")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(UNRELATED), help="numbers of unrelated groups to measure with")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each comparison over HTTP")
    parser.add_argument("--workers", type=int, default=1, help="server processes, with PostgreSQL")
    parser.add_argument("--within", choices=ENGINES, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure, and print the table."""
    arguments = _arguments()
    if arguments.within:
        uvloop.run(measure_engine(arguments.within, arguments))
        return
    print(report([result for engine in arguments.engines for result in results_of(engine, arguments)]))


if __name__ == "__main__":
    main()
