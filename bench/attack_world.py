"""What attacks are tried on: a server with two accounts, and what it does to its memory and to the other account meanwhile."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from bench.servers import temporary_server
from bench.serving import served
from models.engine.statement import Engine

PROGRAM = (sys.executable, "-m", "app.cli")
SETTINGS = {"MUSTER_MAX_SOCKETS": "500"}
FIELDS, LONG = 5, 10_000  # custom fields that hold a long text on each contact of a page, and its characters
PAGE = 250
TOKENS = 4  # of each role, which the attacks share
ANSWER_SECONDS = 120.0
SAMPLE_SECONDS = 0.05
MEGABYTE = 2**20


class World(NamedTuple):
    """A running server, and access tokens: of a viewer and an editor who attack, and of the owner of another account."""

    port: int
    process_id: int
    viewers: Sequence[str]
    editors: Sequence[str]
    neighbour: str

    @property
    def url(self) -> str:
        """The address of GraphQL."""
        return f"http://127.0.0.1:{self.port}/graphql"


class Effect(NamedTuple):
    """What an attack did: the longest answer to the other account in milliseconds, and the most memory in bytes."""

    longest: float
    memory: int


@asynccontextmanager
async def attacked_server(tree: Path, engine: Engine, contacts: int) -> AsyncIterator[World]:
    """Serve a new database with the code in a directory. It has so many contacts in the account of the attackers."""
    with temporary_server(engine) as place, tempfile.TemporaryDirectory() as directory:
        url = place if engine == "postgresql" else f"sqlite:///{place}/muster.db"
        await _run(tree, url, "migrate")
        owner = await _run(tree, url, "account", "create", "Attackers", "--owner-email", "owner@attackers.example")
        neighbour = await _run(tree, url, "account", "create", "Neighbours", "--owner-email", "owner@neighbours.example")
        async with served(url, tree, {"MUSTER_RATE_LIMIT_POINTS": "0", "MUSTER_RATE_LIMIT_REQUESTS": "0"}) as server:
            await _furnish(World(*server, [], [], owner))
        await _run(tree, url, "import", "--account", "Attackers", _file(directory, contacts))
        viewers, editors = [[await _token(tree, url, role) for _ in range(TOKENS)] for role in ("viewer", "editor")]
        async with served(url, tree, SETTINGS) as server:
            yield World(*server, viewers, editors, neighbour)


async def _run(tree: Path, url: str, *arguments: str) -> str:
    """Run a command, and return the last line of its output."""
    environment = os.environ | {"MUSTER_DATABASE_URL": url}
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, *arguments, cwd=tree, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"`{' '.join(arguments)}` failed")
    return output.decode().strip().rpartition("\n")[2].strip()


def _contact(number: int) -> dict[str, Any]:
    texts = {f"essay{field}": "x" * LONG for field in range(FIELDS)} if number < PAGE else {}
    return {"email": f"person{number}@customers.example", "firstName": f"Person {number}", "company": f"Company {number % 97}", **texts}


def _file(directory: str, contacts: int) -> str:
    file = Path(directory, "contacts.jsonl")
    file.write_text("".join(f"{json.dumps(_contact(number))}\n" for number in range(contacts)))
    return str(file)


async def _token(tree: Path, url: str, role: str) -> str:
    return await _run(tree, url, "token", "create", "--account", "Attackers", "--user", f"{role}@attackers.example")


async def _furnish(world: World) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {world.neighbour}"}, timeout=ANSWER_SECONDS) as client:
        for role in ("VIEWER", "EDITOR"):
            user = f'{{name: "{role}", email: "{role.lower()}@attackers.example", role: {role}}}'
            await ask(client, world, f"mutation {{ createUser(input: {user}) {{ userErrors {{ message }} }} }}")
        for field in range(FIELDS):
            essay = f'{{key: "essay{field}", label: "Essay {field}", type: LONG_TEXT}}'
            await ask(client, world, f"mutation {{ createCustomField(input: {essay}) {{ userErrors {{ message }} }} }}")


async def ask(client: httpx.AsyncClient, world: World, query: str, variables: Mapping[str, Any] | None = None) -> httpx.Response:
    """Send a request, and return the answer, whatever it says."""
    return await client.post(world.url, json={"query": query, "variables": variables or {}})


@asynccontextmanager
async def observed(world: World, effects: list[Effect]) -> AsyncIterator[None]:
    """Note what happens to the server's memory and to the other account while the context is open."""
    command = (sys.executable, "-m", "bench.neighbour", str(world.port), world.neighbour)
    pipe = asyncio.subprocess.PIPE
    neighbour = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    await asyncio.sleep(1)  # until it asks at its usual pace
    await _longest(neighbour)
    most = [0]
    sampling = asyncio.create_task(_sample(world, most))
    try:
        yield
    finally:
        sampling.cancel()
        effects.append(Effect(await _longest(neighbour), most[0]))
        neighbour.terminate()
        await neighbour.wait()


async def _longest(neighbour: asyncio.subprocess.Process) -> float:
    if neighbour.stdin is None or neighbour.stdout is None:
        raise AssertionError("both are pipes")
    neighbour.stdin.write(b"\n")
    return float(await neighbour.stdout.readline())


async def _sample(world: World, most: list[int]) -> None:
    while True:
        most[0] = max(most[0], memory_of(world.process_id))
        await asyncio.sleep(SAMPLE_SECONDS)


def memory_of(process_id: int) -> int:
    """The bytes of a process that are in memory, on Linux."""
    resident = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE")
