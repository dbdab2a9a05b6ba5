"""Mixed traffic at a constant rate for some minutes: reads, writes and watchers at once, on one process and on two.

    python -m bench.load [--workers 1 2] [--rate 60] [--seconds 180] [--watchers 500] [--contacts 10000]

Requests are sent when they are due, not when the server is ready for them, and latency counts from then on. The floor is a bare
server that answers with nothing, asked at the same rate at the same time, so that it suffers from the same neighbours.
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from statistics import linear_regression, quantiles
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]  # its types are a package of their own

from bench.open_loop import Load
from bench.servers import new_database, temporary_server
from bench.serving import serving
from bench.stage import CREATE_GROUP, CREATE_TAG, TAG, UNTAG, Clients, Http, Process, free_port
from bench.stage import WATCH as WATCH_GROUP
from bench.table import table

WATCHED = 10  # groups, among which watchers and writes are spread
UNPINGED = {"MUSTER_WEBSOCKET_PING_SECONDS": "600"}  # the cheap watchers do not answer pings
SAMPLE_SECONDS = 2.0
SETTLED = 0.33  # of the time has passed when memory is looked at
GENERATOR = (sys.executable, "-m", "bench.open_loop")
SHARES = {"contacts": 0.24, "members": 0.24, "contact": 0.24, "groups": 0.08, "tag": 0.1, "untag": 0.05, "update": 0.05}
IDS = "query ($after: String) { contacts(first: 250, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
CONTACTS = """
    query ($where: ContactCriteria) {
        contacts(first: 50, where: $where) { nodes { id firstName lastName email tags { name } } }
    }
"""
MEMBERS = """
    query ($group: ID!) {
        group(id: $group) {
            name memberCount cursor members(first: 50) { nodes { id ... on Contact { email company } } pageInfo { endCursor } }
        }
    }
"""
CONTACT = "query ($id: ID!) { node(id: $id) { ... on Contact { email tags { name } groups { nodes { name } } } } }"
GROUPS = "{ groups(first: 50) { nodes { id name memberCount criteriaText } } }"
UPDATE = "mutation ($id: ID!, $city: String!) { updateContact(input: {id: $id, fields: {city: $city}}) { userErrors { message } } }"


class World(NamedTuple):
    """The demo's account, and groups that writes move contacts in and out of."""

    token: str
    groups: Sequence[str]
    contacts: Sequence[str]


class Outcome(NamedTuple):
    """How one load went: latencies by kind, failures, megabytes by seconds, and the latencies of a bare server meanwhile."""

    latencies: dict[str, list[float]]
    failed: int
    failures: Sequence[str]
    memory: Sequence[tuple[float, float]]
    floor: Sequence[float]


def muster(url: str, *words: str) -> str:
    """What a command prints."""
    environment = os.environ | {"MUSTER_DATABASE_URL": url, "MUSTER_LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", "app.cli", *words]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def furnish(port: int, token: str) -> World:
    """Make the watched groups, and find out whom they may hold."""
    http, groups, contacts = Http(port, token), [], []
    for number in range(WATCHED):
        http.ask(CREATE_TAG, name=f"Load {number}")
        groups.append(http.ask(CREATE_GROUP, name=f"Load {number}", tag=f"Load {number}")["createGroup"]["group"]["id"])
    after: str | None = None
    while True:
        page = http.ask(IDS, after=after)["contacts"]
        contacts += [node["id"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            return World(token, groups, contacts)


def bodies(world: World) -> dict[str, list[str]]:
    """What each kind of request may say."""
    chance = random.Random(2)

    def body(query: str, **variables: object) -> str:
        return json.dumps({"query": query, "variables": variables})

    def anybody() -> str:
        return chance.choice(world.contacts)

    letters = [{"lastName": {"startsWith": letter}} for letter in "ABCDEFGHIKLMNPRSTW"]
    tags = [f"Load {number}" for number in range(WATCHED)]
    return {
        "contacts": [body(CONTACTS, where=where) for where in letters],
        "members": [body(MEMBERS, group=group) for group in world.groups],
        "contact": [body(CONTACT, id=anybody()) for _ in range(2_000)],
        "groups": [body(GROUPS)],
        "tag": [body(TAG, contacts=[anybody()], tag=chance.choice(tags)) for _ in range(2_000)],
        "untag": [body(UNTAG, contacts=[anybody()], tag=chance.choice(tags)) for _ in range(2_000)],
        "update": [body(UPDATE, id=anybody(), city=f"City {number % 50}") for number in range(2_000)],
    }


def watch(port: int, world: World, clients: Clients, count: int) -> None:
    """Let so many watch, spread among the groups."""
    init = json.dumps({"type": "connection_init", "payload": {"Authorization": f"Bearer {world.token}"}})
    for group in world.groups:
        payload = {"query": WATCH_GROUP, "variables": {"group": group}}
        subscribe = json.dumps({"type": "subscribe", "id": "1", "payload": payload})
        clients.ask(open=count // len(world.groups), port=port, path="/graphql", texts=[init, subscribe], greeting=2)


async def generate(load: Load) -> tuple[dict[str, list[float]], int, list[str]]:
    """Send a load from a process of its own."""
    generator = await asyncio.create_subprocess_exec(*GENERATOR, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**27)
    output, _ = await generator.communicate(json.dumps(load).encode() + b"\n")
    latencies, failed, failures = json.loads(output)
    return latencies, failed, failures


def server_processes() -> list[Any]:
    """The processes that serve: the ones that this program started, and theirs."""
    children = psutil.Process().children()
    servers = [child for child in children if "serve" in child.cmdline()]
    return [*servers, *(each for server in servers for each in server.children(recursive=True))]


async def sample(memory: list[tuple[float, float]]) -> None:
    """Note the resident memory of the server, for good."""
    clock, servers = asyncio.get_running_loop().time, server_processes()
    began = clock()
    while True:
        memory.append((clock() - began, sum(server.memory_info().rss for server in servers) / 2**20))
        await asyncio.sleep(SAMPLE_SECONDS)


async def measure(url: str, workers: int, arguments: argparse.Namespace) -> Outcome:
    """Load a server with so many processes."""
    token = muster(url, "token", "create", "--user", "demo@example.com").split()[-1]
    memory: list[tuple[float, float]] = []
    async with serving(url, workers, **UNPINGED) as port:
        world = await asyncio.to_thread(furnish, port, token)
        with closing(Clients()) as clients:
            await asyncio.to_thread(watch, port, world, clients, arguments.watchers)
            load = Load(port, "/graphql", token, arguments.rate, arguments.seconds, SHARES, bodies(world))
            await generate(load._replace(seconds=min(10.0, arguments.seconds)))
            sampling = asyncio.create_task(sample(memory))
            (latencies, failed, failures), floor = await asyncio.gather(generate(load), bare(arguments))
            sampling.cancel()
    return Outcome(latencies, failed, failures, memory, floor)


async def bare(arguments: argparse.Namespace) -> list[float]:
    """The latencies of a server that does nothing, asked as often and as long."""
    port = free_port()
    with closing(Process(["bench.broadcast", str(port)], port)) as server:
        await asyncio.to_thread(server.until_serving)
        load = Load(port, "/", "none", arguments.rate, arguments.seconds, {"all": 1}, {"all": ["{}"]})
        return (await generate(load))[0]["all"]


def growth(memory: Sequence[tuple[float, float]]) -> float:
    """Megabytes a minute, once the server has warmed up."""
    late = [(seconds, size) for seconds, size in memory if seconds >= memory[-1][0] * SETTLED]
    return linear_regression(*zip(*late, strict=True)).slope * 60


def cells(found: Sequence[float], floor: Sequence[float]) -> Iterator[str]:
    """Percentiles, and how the median compares with the floor's."""
    cuts = quantiles(found, n=1000, method="inclusive")
    yield f"{len(found):,}"
    for cut in (500, 900, 990, 999):
        yield f"{cuts[cut - 1]:.1f} ms"
    yield f"{max(found):.0f} ms"
    yield f"x {cuts[499] / quantiles(floor, n=1000, method='inclusive')[499]:.1f}"


def report(workers: int, outcome: Outcome) -> None:
    """Print what was found."""
    floor = outcome.floor
    rows = [[kind, *cells(found, floor)] for kind, found in outcome.latencies.items()]
    everything = [latency for found in outcome.latencies.values() for latency in found]
    rows += [["all", *cells(everything, floor)], ["bare", *cells(floor, floor)]]
    print(table([f"{workers} process{'es' if workers > 1 else ''}", "requests", "p50", "p90", "p99", "p99.9", "most", "to bare"], rows))
    first, last = outcome.memory[0][1], outcome.memory[-1][1]
    print(f"\nFailed: {outcome.failed}. Memory: {first:.0f} MB, {last:.0f} MB at the end, {growth(outcome.memory):+.2f} MB a minute.\n")
    for failure in outcome.failures:
        print(failure)


async def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.load", description="Mixed traffic at a constant rate.")
    parser.add_argument("--workers", nargs="+", type=int, default=[1, 2], help="numbers of server processes to measure with")
    parser.add_argument("--rate", type=float, default=60, help="requests a second")
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--watchers", type=int, default=500)
    parser.add_argument("--contacts", type=int, default=10_000)
    arguments = parser.parse_args()
    with temporary_server("postgresql") as place:
        for workers in arguments.workers:
            async with new_database(place) as url:
                muster(url, "demo", "--contacts", str(arguments.contacts))
                report(workers, await measure(url, workers, arguments))


if __name__ == "__main__":
    asyncio.run(main())
