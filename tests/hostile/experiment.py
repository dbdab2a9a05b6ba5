"""The experiment: an account to read from, operations found by hypothesis, pings meanwhile, and what stood still."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

from schema.strawberry_adapter import graphql_schema
from tests.hostile.operations import Shape, Writer
from tests.hostile.watcher import Stall
from tests.support.graphql import schema
from tests.support.processes import Server, new_token, serving

PROGRESS = 25  # a level above the chatter of the client libraries
PING_SECONDS = 0.02
PATIENCE = 60.0  # seconds for an answer

log = logging.getLogger("hostile")

IMPORT = "mutation ($rows: [UpsertContactInput!]!) { importContacts(input: {rows: $rows}) { userErrors { message } } }"
GROUP = "mutation ($name: String!, $criteria: CriteriaInput!) { createGroup(input: {name: $name, criteria: $criteria}) { group { id } } }"
FIELDS = """
mutation { createCustomField(input: {key: "note", label: "Note", type: LONG_TEXT}) { field { key } userErrors { message } } }
"""

shapes = st.builds(
    Shape,
    seed=st.integers(0, 2**32),
    values=st.sampled_from([20, 2_000, 20_000, 60_000]),
    fields=st.sampled_from([10, 60, 450]),
    depth=st.sampled_from([1, 3, 6, 10]),
    copies=st.sampled_from([1, 1, 10, 45]),
    inline=st.sampled_from([False, False, True]),
)


@dataclass(frozen=True)
class Target:
    """A server with an account that has something to read."""

    server: Server
    token: str
    known: Mapping[str, Sequence[str]]
    stalls: Path


@asynccontextmanager
async def prepared(url: str, stalls: Path) -> AsyncIterator[Target]:
    """Serve the database with a watched event loop, and fill an account."""
    token = await new_token(url, "Acme")
    report = {"STALLS": str(stalls)}
    async with serving(url, program="tests.hostile.serve", variables=report, rate_limit_points="0", rate_limit_requests="0") as server:
        yield Target(server, token, await _filled(server, token), stalls)


async def _filled(server: Server, token: str) -> dict[str, list[str]]:
    await server.ask(token, FIELDS)
    rows = [
        {
            "fields": {"email": f"c{n}@example.com", "firstName": "Ann", "city": f"city {n % 40}", "customFields": {"note": "x" * 2_000}},
            "tags": [{"name": f"tag {n % k}"} for k in (3, 5, 7)],
            "createMissingTags": True,
        }
        for n in range(300)
    ]
    await server.ask(token, IMPORT, rows=rows)
    contacts = await server.ask(token, "{ contacts(first: 250) { nodes { id } } }")
    groups = []
    for number in range(30):
        values = [f"city {each}" for each in range(number * 30)] or ["Bonn"]
        criteria = {"contacts": {"any": [{"city": {"equals": values}}, {"firstName": {"startsWith": ["A"]}}]}}
        groups.append((await server.ask(token, GROUP, name=f"Group {number}", criteria=criteria))["createGroup"]["group"]["id"])
    return {"Contact": [each["id"] for each in contacts["contacts"]["nodes"]], "Group": groups}


@dataclass
class Report:
    """What was sent, what stood still, and how long pings took."""

    stalls: Path
    operations: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    pings: list[float] = field(default_factory=list)
    worst: list[tuple[Stall, str]] = field(default_factory=list)
    _read: int = 0

    def note(self, name: str, code: str) -> float:
        """Note an operation that was answered, with the stalls since the one before. Returns the longest of them."""
        self.operations += 1
        self.kinds[f"{name} {code}"] += 1
        found = self._new_stalls()
        self.worst = sorted([*self.worst, *((stall, name) for stall in found)], key=lambda each: -each[0].worked)[:40]
        return max((stall.worked for stall in found), default=0.0)

    def _new_stalls(self) -> list[Stall]:
        with suppress(FileNotFoundError), self.stalls.open() as file:
            lines = file.readlines()
            fresh, self._read = lines[self._read :], len(lines)
            return [Stall(**json.loads(line)) for line in fresh]
        return []

    async def ping(self, port: int) -> None:
        """Ask again and again whether the server is alive."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            while True:
                began = time.perf_counter()
                await client.get(f"http://127.0.0.1:{port}/livez")
                self.pings.append(time.perf_counter() - began)
                await asyncio.sleep(PING_SECONDS)

    def longest(self) -> float:
        """The most processor time that the event loop took without a pause, in seconds."""
        return max((stall.worked for stall, _ in self.worst), default=0.0)

    def __str__(self) -> str:
        pings = sorted(self.pings) or [0.0]
        lines = [
            f"{self.operations} operations, pings: median {pings[len(pings) // 2] * 1000:.0f} ms, "
            f"99 of 100 within {pings[len(pings) * 99 // 100] * 1000:.0f} ms, longest {pings[-1] * 1000:.0f} ms"
        ]
        lines += [
            f"{stall.worked * 1000:.0f} ms of work in {stall.seconds * 1000:.0f} ms, {name}:\n    " + "\n    ".join(stall.stack)
            for stall, name in self.worst[:12]
        ]
        return "\n".join(lines)


def fuzz(goal: Target, report: Report, until: float, few: int) -> None:
    """Send operations until then, but at least a few. Hypothesis looks for those that make the event loop stand still."""
    graph, authorization = graphql_schema(schema()), {"Authorization": f"Bearer {goal.token}"}
    with httpx.Client(trust_env=False, timeout=PATIENCE, headers=authorization) as client:

        @settings(max_examples=few, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        @given(shapes)
        def send(shape: Shape) -> None:
            name, query, variables = Writer(graph, shape, goal.known).operation()
            try:
                code = code_of(client.post(goal.server.url, json={"query": query, "variables": variables}).json())
            except httpx.TimeoutException:
                code = "TIMEOUT"
            target(report.note(name, code))

        send()
        while time.monotonic() < until:
            send()


def code_of(answer: dict[str, Any]) -> str:
    """The code of the first error, or OK."""
    errors = answer.get("errors") or [{}]
    return str(errors[0].get("extensions", {}).get("code", "OK"))
