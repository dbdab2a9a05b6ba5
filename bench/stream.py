"""How fast watchers are told, by a real server process beside a bare broadcast to as many sockets in the same run.

    python -m bench.stream [--watchers 1 100 1000 5000] [--rounds 40] [--engine sqlite]

In each round a mutation moves a contact into or out of a watched group, then another one out of or into a group that nobody
watches, and then the bare server sends a message of the same size to as many sockets of its own.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from socket import SO_RCVBUF, SOL_SOCKET, create_connection, socket
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]  # its types are a package of their own

from bench.servers import new_database, temporary_server
from bench.sockets import HANDSHAKE, frame
from bench.table import table
from models.statement import Engine

WATCHERS = (1, 100, 1000, 5000)
ROUNDS = 40
WARM_UP = 5
DEADLINE = 30.0
IDLE_SECONDS = 2.0
QUIET = {"MUSTER_HEARTBEAT_SECONDS": "600", "MUSTER_WEBSOCKET_PING_SECONDS": "600", "MUSTER_LOG_LEVEL": "warning"}
STALLED_SECONDS = 3
STALLED_MUTATIONS = 40
WATCH = """
    subscription ($group: ID!) {
        groupChanges(groupId: $group) {
            __typename
            ... on MembersChanged { cursor fromVersion toVersion memberCount joinedIds leftIds cause occurredAt joined { id } }
            ... on GroupReset { cursor memberCount reason }
            ... on GroupDefinitionChanged { cursor }
            ... on GroupHeartbeat { cursor version memberCount }
        }
    }
"""
CREATE_TAG = "mutation ($name: String!) { createTag(input: {name: $name}) { tag { id } } }"
CREATE_CONTACT = "mutation ($email: String!) { createContact(input: {fields: {email: $email}}) { contact { id } } }"
CREATE_GROUP = """
    mutation ($name: String!, $tag: String!) {
        createGroup(input: {name: $name, criteria: {contacts: {tags: {containsAny: [{name: $tag}]}}}}) { group { id } }
    }
"""
TAG = "mutation ($contacts: [ID!]!, $tag: String!) { addTags(input: {contactIds: $contacts, tags: [{name: $tag}]}) { changed } }"
UNTAG = TAG.replace("addTags", "removeTags")


class Round(NamedTuple):
    """Milliseconds from sending a mutation until it was answered and until the first and the last watcher were told."""

    reply: float
    first: float
    last: float
    unwatched_reply: float
    told_per_second: float
    bare_per_second: float


class Process:
    """A child that serves at a port, and how much memory it has."""

    def __init__(self, command: Sequence[str], port: int, **environment: str) -> None:
        self.port = port
        self._child = subprocess.Popen([sys.executable, "-m", *command], env=os.environ | environment, stdout=subprocess.DEVNULL)
        self._seen = psutil.Process(self._child.pid)

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.wait()

    def until_serving(self) -> None:
        """Wait until the port answers."""
        until = perf_counter() + DEADLINE
        while perf_counter() < until:
            try:
                create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                sleep(0.05)
            else:
                return
        raise SystemExit("the server did not start")

    def kilobytes(self) -> float:
        """Resident memory."""
        return float(self._seen.memory_info().rss) / 1024

    def has_connection_from(self, port: int) -> bool:
        """Whether a connection with this port on the other side is still open here."""
        return any(found.raddr and found.raddr.port == port for found in self._seen.net_connections("tcp"))


class Clients:
    """The process that holds the sockets."""

    def __init__(self) -> None:
        self._child = subprocess.Popen([sys.executable, "-m", "bench.sockets"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def close(self) -> None:
        """End it."""
        self._child.kill()
        self._child.wait()

    def ask(self, **command: object) -> dict[str, Any]:
        """Give a command and wait for its answer."""
        self.tell(**command)
        return self.answer()

    def tell(self, **command: object) -> None:
        """Give a command."""
        assert self._child.stdin  # noqa: S101  # it was asked for
        self._child.stdin.write(json.dumps(command) + "\n")
        self._child.stdin.flush()

    def answer(self) -> dict[str, Any]:
        """The answer to a command."""
        assert self._child.stdout  # noqa: S101  # it was asked for
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit("the clients are gone")
        answer: dict[str, Any] = json.loads(line)
        return answer


class Http:
    """What is asked of a server over HTTP, on one connection as long as it is busy."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
        self._used = 0.0
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The data of the answer."""
        answer = json.loads(self.post("/graphql", json.dumps({"query": query, "variables": variables})))
        if "errors" in answer:
            raise SystemExit(f"the server refuses: {answer['errors']}")
        data: dict[str, Any] = answer["data"]
        return data

    def post(self, path: str, body: str) -> bytes:
        """Post something and wait until it is answered."""
        if perf_counter() - self._used > IDLE_SECONDS:
            self._connection.close()  # the server may have done so too; the next request opens it again
        self._connection.request("POST", path, body, self._headers)
        answer = self._connection.getresponse().read()
        self._used = perf_counter()
        return answer


class World(NamedTuple):
    """An account with a watched group and another one, and contacts that move in and out."""

    muster: Http
    token: str
    group: str
    contacts: list[str]

    def move(self, tag: str, contacts: Sequence[str], *, inside: bool) -> float:
        """Let contacts join or leave; returns when the mutation was sent."""
        sent = perf_counter()
        self.muster.ask(TAG if inside else UNTAG, contacts=contacts, tag=tag)
        return sent


def prepare(port: int, token: str) -> World:
    """Fill the account."""
    muster = Http(port, token)
    groups = []
    for name in ("Watched", "Unwatched"):
        muster.ask(CREATE_TAG, name=name)
        groups.append(muster.ask(CREATE_GROUP, name=name, tag=name)["createGroup"]["group"]["id"])
    contacts = [muster.ask(CREATE_CONTACT, email=f"{n}@example.com")["createContact"]["contact"]["id"] for n in range(500)]
    return World(muster, token, groups[0], contacts)


def greetings(world: World, group: str) -> list[str]:
    """What a watcher says at first."""
    payload = {"query": WATCH, "variables": {"group": group}}
    init = {"type": "connection_init", "payload": {"Authorization": f"Bearer {world.token}"}}
    return [json.dumps(init), json.dumps({"type": "subscribe", "id": "1", "payload": payload})]


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Stage(NamedTuple):
    """Both servers, and a process of sockets for each."""

    server: Process
    bare: Process
    watchers: Clients
    listeners: Clients
    world: World


@contextmanager
def staged(url: str) -> Iterator[Stage]:
    """Everything that a measurement needs, running."""
    environment = {**QUIET, "MUSTER_DATABASE_URL": url, "MUSTER_SEND_DEADLINE_SECONDS": str(STALLED_SECONDS)}
    command = [sys.executable, "-m", "app.cli", "account", "create", "Bench", "--owner-email", "bench@example.com"]
    token = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=True).stdout.split()[-1]
    with ExitStack() as stack:
        ports = free_port(), free_port()
        server = stack.enter_context(closing(Process(["app.cli", "serve", "--port", str(ports[0])], ports[0], **environment)))
        bare = stack.enter_context(closing(Process(["bench.broadcast", str(ports[1])], ports[1])))
        server.until_serving()
        bare.until_serving()
        watchers, listeners = stack.enter_context(closing(Clients())), stack.enter_context(closing(Clients()))
        yield Stage(server, bare, watchers, listeners, prepare(server.port, token))


def open_sockets(stage: Stage, count: int) -> tuple[float, float]:
    """Let so many watch and so many listen; returns the kilobytes that each takes on either server."""
    before, bare_before = stage.server.kilobytes(), stage.bare.kilobytes()
    stage.watchers.ask(open=count, port=stage.server.port, path="/graphql", texts=greetings(stage.world, stage.world.group), greeting=2)
    stage.listeners.ask(open=count, port=stage.bare.port, path="/", texts=[], greeting=1)
    return (stage.server.kilobytes() - before) / count, (stage.bare.kilobytes() - bare_before) / count


def rounds(stage: Stage, count: int, number: int) -> list[Round]:
    """Tell all watchers so many times."""
    bare = Http(stage.bare.port, "")
    return [one_round(stage, bare, count, inside=turn % 2 == 0) for turn in range(WARM_UP + number)][WARM_UP:]


def one_round(stage: Stage, bare: Http, count: int, *, inside: bool) -> Round:
    """Tell all watchers once, nobody once, and all listeners once."""
    world = stage.world
    stage.watchers.tell(**{"await": 1})
    sent = world.move("Watched", world.contacts[:1], inside=inside)
    replied = perf_counter()
    told = stage.watchers.answer()
    unwatched = world.move("Unwatched", world.contacts[:1], inside=inside)
    unwatched_reply = perf_counter() - unwatched
    stage.listeners.tell(**{"await": 1})
    began = perf_counter()
    bare.post("/", "x" * told["size"])
    heard = stage.listeners.answer()
    # Muster sends a few at a time, so the first is told when sending begins; the bare loop lets nothing out before its end.
    rates = (count - 1) / max(told["last"] - told["first"], 1e-6), (count - 1) / (heard["last"] - began)
    times = [moment * 1000 for moment in (replied - sent, told["first"] - sent, told["last"] - sent, unwatched_reply)]
    return Round(times[0], times[1], times[2], times[3], rates[0], rates[1])


class Stalled(NamedTuple):
    """What one watcher that never reads does to the server and to another watcher."""

    megabytes: float
    seconds_until_closed: float
    last_before: float
    last_meanwhile: float


def stall(stage: Stage) -> Stalled:
    """Let a watcher stop reading while large messages are sent, until the server has had enough of it."""
    world, watchers = stage.world, stage.watchers
    stage.watchers.ask(open=1, port=stage.server.port, path="/graphql", texts=greetings(world, world.group), greeting=2)
    before = [large_round(stage, inside=turn % 2 == 0) for turn in range(STALLED_MUTATIONS)]
    memory = stage.server.kilobytes()
    with socket() as mute:
        mute.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
        mute.connect(("127.0.0.1", stage.server.port))
        port = mute.getsockname()[1]
        mute.sendall(HANDSHAKE.format(path="/graphql").encode())
        mute.recv(1024)
        mute.sendall(b"".join(map(frame, greetings(world, world.group))))
        meanwhile: list[float] = []
        most, began = 0.0, perf_counter()
        while stage.server.has_connection_from(port) and perf_counter() - began < DEADLINE:
            meanwhile.append(large_round(stage, inside=len(meanwhile) % 2 == 0))
            most = max(most, stage.server.kilobytes() - memory)
        took = perf_counter() - began
    watchers.ask(close=1)
    return Stalled(most / 1024, took, median(before), median(meanwhile))


def large_round(stage: Stage, *, inside: bool) -> float:
    """Milliseconds until the watcher that reads is told of 500 contacts that joined or left at once."""
    stage.watchers.tell(**{"await": 1})
    sent = stage.world.move("Watched", stage.world.contacts, inside=inside)
    return float((stage.watchers.answer()["last"] - sent) * 1000)


async def measure(engine: Engine, counts: Sequence[int], number: int) -> None:
    """Measure everything and print the tables."""
    with temporary_server(engine) as place:
        async with new_database(place) as url:
            with staged(url) as stage:
                print(watched_table(stage, counts, number))
                print()
                print(stalled_table(stall(stage)))


def watched_table(stage: Stage, counts: Sequence[int], number: int) -> str:
    """A row for each number of watchers."""
    rows = []
    for count in counts:
        memory, bare_memory = open_sockets(stage, count)
        found = rounds(stage, count, number)
        rows.append([f"{count:,}", *_cells(found), f"{memory:.0f} kB", f"{bare_memory:.0f} kB"])
        for clients in (stage.watchers, stage.listeners):
            clients.ask(close=1)
    heads = ["Watchers", "first told", "last told", "last, p99", "reply", "to unwatched", "told/s", "to bare", "a watcher", "bare"]
    return table(heads, rows)


def _cells(found: Sequence[Round]) -> Iterator[str]:
    yield f"{median(one.first for one in found):.1f} ms"
    yield f"{median(one.last for one in found):.1f} ms"
    yield f"{quantiles([one.last for one in found], n=100)[-1]:.1f} ms"
    yield f"{median(one.reply for one in found):.1f} ms"
    yield f"x {median(one.reply / one.unwatched_reply for one in found):.2f}"
    yield f"{median(one.told_per_second for one in found):,.0f}"
    yield f"x {median(one.told_per_second / max(one.bare_per_second, 1) for one in found):.2f}"


def stalled_table(found: Stalled) -> str:
    """What a watcher that never reads costs."""
    heads = ["One watcher never reads", "memory", "closed after", "another is told in", "to before"]
    ratio = found.last_meanwhile / found.last_before
    cells = [f"{found.megabytes:.1f} MB", f"{found.seconds_until_closed:.1f} s", f"{found.last_meanwhile:.1f} ms", f"x {ratio:.2f}"]
    return table(heads, [[f"deadline {STALLED_SECONDS} s", *cells]])


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description="How fast watchers are told.")
    parser.add_argument("--watchers", nargs="+", type=int, default=list(WATCHERS), help="numbers of watchers to measure with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often they are told")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.engine, arguments.watchers, arguments.rounds))


if __name__ == "__main__":
    main()
