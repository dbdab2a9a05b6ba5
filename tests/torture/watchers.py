"""Clients that hold a group's members by reading once and applying every message since, whatever becomes of the servers."""

import asyncio
from contextlib import suppress
from typing import Any

from gql import GraphQLRequest
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportError
from websockets.exceptions import WebSocketException

from tests.support.processes import DEADLINE, Server
from tests.torture.fleet import Fleet

LOST = (TransportError, WebSocketException, OSError)

MEMBERS = """
    query ($group: ID!, $after: String) {
        group(id: $group) {
            cursor
            members(first: 100, after: $after) {
                nodes { ... on Contact { id } ... on Appointment { id } ... on Deal { id } } pageInfo { hasNextPage endCursor }
            }
        }
    }
"""
WATCH = """
    subscription ($group: ID!, $after: String) {
        groupChanges(groupId: $group, after: $after) {
            __typename
            ... on MembersChanged { cursor fromVersion toVersion joinedIds leftIds }
            ... on GroupReset { cursor }
            ... on GroupDefinitionChanged { cursor }
            ... on GroupHeartbeat { cursor version }
        }
    }
"""


class Watcher:
    """One client with one group."""

    def __init__(self, fleet: Fleet, group_id: str) -> None:
        self.reconnected = 0
        self._fleet = fleet
        self._group_id = group_id
        self._members: set[str] = set()
        self._cursor: str | None = None
        self._version: int | None = None
        self._moved = asyncio.Event()

    async def run(self) -> None:
        """Follow the group for good, at any server that is up."""
        while True:
            with suppress(*LOST):
                await self._follow(await self._fleet.any())
            self.reconnected += 1

    async def _follow(self, server: Server) -> None:
        async with server.session(self._fleet.token) as session:
            if self._cursor is None:
                await self._read(session)
            variables = {"group": self._group_id, "after": self._cursor}
            async for message in session.subscribe(GraphQLRequest(WATCH, variable_values=variables)):
                await self._apply(session, message["groupChanges"])
                self._moved.set()

    async def _read(self, session: AsyncClientSession) -> None:
        self._cursor, self._members = await self._pages(session)
        self._version = None

    async def _pages(self, session: AsyncClientSession) -> tuple[str, set[str]]:
        """The cursor of the first page, and the members of all."""
        cursor: str | None = None
        members: set[str] = set()
        page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
        while page["hasNextPage"]:
            variables = {"group": self._group_id, "after": page["endCursor"]}
            group = (await session.execute(GraphQLRequest(MEMBERS, variable_values=variables)))["group"]
            cursor, page = cursor or group["cursor"], group["members"]["pageInfo"]
            members |= {node["id"] for node in group["members"]["nodes"]}
        assert cursor is not None
        return cursor, members

    async def _apply(self, session: AsyncClientSession, message: dict[str, Any]) -> None:
        match message["__typename"]:
            case "MembersChanged":
                assert self._version in (None, message["fromVersion"]), f"a gap before {message}"
                self._members = self._members - set(message["leftIds"]) | set(message["joinedIds"])
                self._version = message["toVersion"]
            case "GroupReset":
                await self._read(session)
                return
            case "GroupHeartbeat":
                assert self._version in (None, message["version"]), f"not current at {message}"
        self._cursor = message["cursor"]

    async def settle(self) -> int:
        """Wait until the watcher is where the group is, and compare its members with the table. Returns how many there are."""
        server = await self._fleet.any()
        async with asyncio.timeout(DEADLINE), server.session(self._fleet.token) as session:
            cursor, stored = await self._pages(session)
            while self._cursor != cursor:
                self._moved.clear()
                await self._moved.wait()
        assert self._members == stored, f"of {self._group_id} the watcher holds {self._members}, the table {stored}"
        return len(stored)
