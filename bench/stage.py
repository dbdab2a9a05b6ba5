"""A server with watchers beside a bare one with listeners, each in a process of its own, and what is asked of them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from socket import create_connection, socket
from time import perf_counter, sleep
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]  # its types are a package of their own

DEADLINE = 30.0
IDLE_SECONDS = 2.0
QUIET = {"MUSTER_HEARTBEAT_SECONDS": "600", "MUSTER_WEBSOCKET_PING_SECONDS": "600", "MUSTER_LOG_LEVEL": "warning"}
STALLED_SECONDS = 3
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

    def connections(self) -> int:
        """How many clients are connected."""
        return sum(found.status == psutil.CONN_ESTABLISHED for found in self._seen.net_connections("tcp"))

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
        """Let contacts join or leave, and return the time at which the mutation was sent."""
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


def open_watchers(stage: Stage, count: int) -> None:
    """Let so many watch, and wait until they do."""
    stage.watchers.ask(open=count, port=stage.server.port, path="/graphql", texts=greetings(stage.world, stage.world.group), greeting=2)
