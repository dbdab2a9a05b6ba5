"""How long the small requests of a quiet account take, alone and beside an account that sends all it can.

    python -m bench.fairness --engine postgresql --seconds 20

The busy account has ten tokens. With each it counts contacts by patterns, tags all contacts in bulk, imports rows and creates groups,
as fast as answers come. The quiet account asks for `{ viewer { role } }` and adds or removes a tag, in a process of its own.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

import httpx

from bench.quiet import ANSWER_SECONDS, NEW_TAG, Account, Milliseconds, numbers
from bench.servers import new_database, temporary_server
from bench.serving import UNLIMITED, served
from bench.table import table
from models.engine.statement import Engine

TOKENS = 10
ROWS = 1_000  # of one import
GRACE_MILLISECONDS = 50  # the target: at most twice the quiet time, and this
SETTLING_SECONDS = 3.0
PROGRAM = (sys.executable, "-m", "app.cli")

COUNT = "query ($where: ContactCriteria!) { contacts(where: $where) { totalCount } }"
BULK = "mutation ($input: StartBulkActionInput!) { startBulkAction(input: $input) { bulkAction { id } } }"
CREATE = "mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }"
SIGN_UP = "mutation ($input: CreateAccessTokenInput!) { createAccessToken(input: $input) { secret } }"


def expensive() -> Mapping[str, object]:
    """Criteria that look for many texts inside other texts."""
    return {"any": [{"company": {"contains": [f"q{next(numbers)}w{value}" for value in range(200)]}}]}


async def tag_all(account: Account) -> None:
    """Tag all contacts in bulk."""
    change = {"tags": {"add": [{"name": "busy"}]}} if next(numbers) % 2 else {"tags": {"remove": [{"name": "busy"}]}}
    await account.ask(
        BULK, input={"target": {"where": {"company": {"startsWith": ["Company"]}}}, "change": change, "idempotencyKey": str(next(numbers))}
    )


async def create_group(account: Account) -> None:
    """Create a group that many contacts belong to."""
    criteria = {"contacts": {"company": {"startsWith": [f"company {next(numbers) % 97}"]}}}
    await account.ask(CREATE, input={"name": "Busy", "criteria": criteria})


KINDS: Sequence[Callable[[Account], Awaitable[object]]] = (
    lambda account: account.ask(COUNT, where=expensive()),
    tag_all,
    lambda account: account.import_rows(ROWS // 10),
    create_group,
)


class Attack:
    """All that the busy account does, in tasks of its own."""

    def __init__(self, port: int, tokens: Sequence[str]) -> None:
        self.sent = 0
        self._tasks = [asyncio.create_task(self._repeat(Account(port, token), kind)) for token in tokens for kind in KINDS]

    async def _repeat(self, account: Account, kind: Callable[[Account], Awaitable[object]]) -> None:
        while True:
            with suppress(httpx.HTTPError):
                await kind(account)
                self.sent += 1

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class World(NamedTuple):
    """A running server, and access tokens."""

    port: int
    busy: Sequence[str]
    quiet: str


@asynccontextmanager
async def world(engine: Engine, contacts: int, tree: Path) -> AsyncIterator[World]:
    """Serve a new database with so many contacts in the busy account."""
    with temporary_server(engine) as place:
        async with new_database(place) as url:
            owners = [await _create_account(url, name) for name in ("Busy", "Quiet")]
            async with served(url, tree, UNLIMITED) as server:
                busy = Account(server.port, owners[0])
                for _ in range(contacts // ROWS):
                    await busy.import_rows(ROWS)
                await busy.ask(NEW_TAG, input={"name": "busy"})
                tokens = [(await busy.ask(SIGN_UP, input={"name": f"{number}"}))["createAccessToken"]["secret"] for number in range(TOKENS)]
                yield World(server.port, tokens, owners[1])


async def _create_account(url: str, name: str) -> str:
    command = (*PROGRAM, "account", "create", name, "--owner-email", f"owner@{name.lower()}.example")
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | {"MUSTER_DATABASE_URL": url}, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    output, _ = await process.communicate()
    return output.decode().split()[-1]


class QuietClient:
    """The process that sends the requests of the quiet account."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def measured(self, seconds: float) -> Milliseconds:
        """What its requests take in so many seconds from now."""
        await self._answer()
        await asyncio.sleep(seconds)
        return await self._answer()

    async def _answer(self) -> Milliseconds:
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both are pipes")
        self._process.stdin.write(b"\n")
        found: Milliseconds = json.loads(await self._process.stdout.readline())
        return found


@asynccontextmanager
async def quiet_client(world: World) -> AsyncIterator[QuietClient]:
    """Run the quiet account's client while the context is open."""
    command = (sys.executable, "-m", "bench.quiet", str(world.port), world.quiet)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=2**24)
    try:
        yield QuietClient(process)
    finally:
        process.terminate()
        await process.wait()


def p99(milliseconds: Sequence[float]) -> float:
    """The time within which 99 of 100 requests are answered."""
    return quantiles(milliseconds, n=100, method="inclusive")[-1] if len(milliseconds) > 1 else sum(milliseconds)


def row(name: str, alone: Sequence[float], beside: Sequence[float]) -> list[str]:
    """The cells of one request."""
    target = 2 * p99(alone) + GRACE_MILLISECONDS
    times = [f"{each:,.1f} ms" for each in (median(alone), p99(alone), median(beside), p99(beside), target)]
    return [name, *times, "yes" if p99(beside) <= target else "no", f"{len(beside)}"]


async def measure(engine: Engine, contacts: int, seconds: float, *, tree: Path) -> None:
    """Measure the quiet account alone and beside the busy one, in one run, and print the table."""
    async with world(engine, contacts, tree) as running, quiet_client(running) as client:
        await asyncio.sleep(SETTLING_SECONDS)
        alone = await client.measured(seconds)
        attack = Attack(running.port, running.busy)
        await asyncio.sleep(SETTLING_SECONDS)
        sent = attack.sent
        beside = await client.measured(seconds)
        sent = attack.sent - sent
        await attack.stop()
    heads = ("request", "p50 alone", "p99 alone", "p50 beside", "p99 beside", "target", "met", "requests")
    print(table(heads, [row(name, times, beside.get(name, [ANSWER_SECONDS * 1000])) for name, times in alone.items()]))
    refused = {name: len(times) for name, times in beside.items() if name not in alone}
    print(f"\n{engine}: the busy account was answered {sent / seconds:.0f} times a second. Errors of the quiet one: {refused or 'none'}.")


async def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--contacts", type=int, default=5_000, help="contacts of the busy account")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--tree", type=Path, default=Path(), help="a checkout whose program is measured")
    given = parser.parse_args()
    await measure(given.engine, given.contacts, given.seconds, tree=given.tree.resolve())


if __name__ == "__main__":
    asyncio.run(main())
