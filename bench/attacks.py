"""Attacks on a real server, before and after: how long another account waits meanwhile, and how much memory they take.

    python -m bench.attacks --engine sqlite --before ../an-older-checkout

Each attack is what one caller with a valid token can send. A client of another account asks for `{ viewer { role } }` all the
time, in a process of its own. The last row is all attacks at once.
"""

import argparse
import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import websockets

from bench.attack_world import ANSWER_SECONDS, MEGABYTE, TOKENS, Effect, World, ask, attacked_server, memory_of, observed
from bench.table import table
from models.engine.statement import Engine

UNREAD_SECONDS = 5.0
HANG_UP_SECONDS = 0.3
GOOD_CLIENTS = 38
PROTOCOL = websockets.Subprotocol("graphql-transport-ws")

Criteria = Mapping[str, Any]


class Attack(NamedTuple):
    """What is tried: its name, and a function that carries it out with a token and says what came of it."""

    name: str
    run: Callable[[World, str], Awaitable[str]]
    by_editor: bool = False


def outcome(answer: httpx.Response) -> str:
    """An answer in a few words: the code of its first error, or its length."""
    with suppress(ValueError, KeyError, IndexError, TypeError):
        return str(answer.json()["errors"][0]["extensions"]["code"])
    return f"{len(answer.content) / MEGABYTE:.1f} MB"


def one_request(query: str, variables: Callable[[], Mapping[str, Any]] = dict) -> Callable[[World, str], Awaitable[str]]:
    """An attack that is one request."""

    async def run(world: World, token: str) -> str:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS) as client:
            try:
                return outcome(await ask(client, world, query, variables()))
            except httpx.TimeoutException:
                return f"no answer in {ANSWER_SECONDS:g} s"

    return run


def patterns(field: str, conditions: int, values: int) -> Criteria:
    """Criteria with many texts to look for inside other texts."""
    return {"any": [{field: {"contains": [f"q{condition}w{value}" for value in range(values)]}} for condition in range(conditions)]}


def titles() -> Criteria:
    """Criteria with many conditions on appointments."""
    return {"any": [{"appointments": {"some": {"title": {"contains": [f"title {number}"]}}}} for number in range(120)]}


def birthdays() -> Criteria:
    """Criteria with many anniversaries."""
    return {"any": [{"birthday": {"anniversary": {"withinNextDays": number + 1}}} for number in range(120)]}


def selection(fields: Iterable[str]) -> str:
    """A query for these fields."""
    return "{" + " ".join(fields) + "}"


COUNT = "query Count($where: ContactCriteria!) { contacts(where: $where) { totalCount } }"
CREATE = "mutation Create($input: CreateGroupInput!) { createGroup(input: $input) { userErrors { code } } }"
IMPORT = "mutation Import($input: ImportContactsInput!) { importContacts(input: $input) { created } }"
WATCH = "subscription Watch($ids: [ID!]!) { groupCounts(groupIds: $ids) { memberCount } }"
INTROSPECTION = selection(
    f"a{number}: __schema {{ types {{ name description fields {{ name description isDeprecated }} }} }}" for number in range(45)
)
SUGGESTIONS = selection(
    f'a{number}: segmentFields {{ suggestions(first: 100, prefix: "{chr(97 + number % 26)}") {{ value }} }}' for number in range(45)
)
ESSAYS = selection(f"a{number}: contacts(first: 250) {{ nodes {{ customFields }} }}" for number in range(20))


async def hang_up(world: World, token: str) -> str:
    """Send twelve requests that take long, and do not wait for the answers."""
    variables = {"where": patterns("company", 6, 1000)}
    headers = {"Authorization": f"Bearer {token}"}

    async def send() -> None:
        async with httpx.AsyncClient(headers=headers, timeout=HANG_UP_SECONDS) as client:
            with suppress(httpx.TimeoutException):
                await ask(client, world, COUNT, variables)

    await asyncio.gather(*(send() for _ in range(12)))
    await asyncio.sleep(UNREAD_SECONDS)
    return "hung up"


async def leave_unread(world: World, token: str) -> str:
    """Ask ten times for a long answer, and read none."""
    body = json.dumps({"query": ESSAYS}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    writers = []
    for _ in range(10):
        _, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1)
        writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        writers.append(writer)
    await asyncio.sleep(4 * UNREAD_SECONDS)
    for writer in writers:
        writer.close()
    return "unread"


async def subscribe_with_junk(world: World, token: str) -> str:
    """Subscribe a hundred times, each time with a quarter of a megabyte that the subscription does not use."""
    async with websockets.connect(world.url.replace("http", "ws"), subprotocols=[PROTOCOL]) as socket:
        await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
        await socket.recv()
        for number in range(100):
            variables = {"ids": [], "junk": "j" * 260_000}
            await socket.send(json.dumps({"type": "subscribe", "id": str(number), "payload": {"query": WATCH, "variables": variables}}))
        await asyncio.sleep(UNREAD_SECONDS)
    return "subscribed"


async def take_places(world: World, token: str) -> str:
    """Open as many WebSockets as the server takes without signing in, then see how many good clients get in."""
    silent = [asyncio.create_task(_open(world)) for _ in range(500)]
    opened = [each for each in await asyncio.gather(*silent) if each]
    good = await asyncio.gather(*(_sign_in(world, token) for _ in range(GOOD_CLIENTS)))
    await asyncio.gather(*(each.close() for each in opened))
    return f"{sum(good)} of {GOOD_CLIENTS} good clients got in"


async def _open(world: World) -> Any:
    with suppress(OSError, websockets.WebSocketException, TimeoutError):
        return await websockets.connect(world.url.replace("http", "ws"), subprotocols=[PROTOCOL])
    return None


async def _sign_in(world: World, token: str) -> bool:
    with suppress(OSError, websockets.WebSocketException, TimeoutError):
        headers = {"Authorization": f"Bearer {token}"}
        async with websockets.connect(world.url.replace("http", "ws"), subprotocols=[PROTOCOL], additional_headers=headers) as socket:
            await socket.send(json.dumps({"type": "connection_init"}))
            return "connection_ack" in str(await asyncio.wait_for(socket.recv(), UNREAD_SECONDS))
    return False


def rows() -> Mapping[str, Any]:
    """The input of a large import."""
    return {"input": {"rows": [{"fields": {"email": f"new{number}@example.com", "firstName": "New"}} for number in range(1000)]}}


ATTACKS = (
    Attack("count contacts by 20,000 patterns", one_request(COUNT, lambda: {"where": patterns("company", 20, 1000)})),
    Attack("count contacts by 120 titles of appointments", one_request(COUNT, lambda: {"where": titles()})),
    Attack("count contacts by 120 anniversaries", one_request(COUNT, lambda: {"where": birthdays()})),
    Attack("ask 12 times for 6,000 patterns, and hang up", hang_up),
    Attack(
        "create a group with 50,000 patterns",
        one_request(CREATE, lambda: {"input": {"name": "Patterns", "criteria": {"contacts": patterns("company", 50, 1000)}}}),
        by_editor=True,
    ),
    Attack("ask for `__schema` 45 times", one_request(INTROSPECTION)),
    Attack("ask for suggestions 45 times", one_request(SUGGESTIONS)),
    Attack("import 1,000 rows as a VIEWER", one_request(IMPORT, rows)),
    Attack("ask for long texts of 5,000 contacts", one_request(ESSAYS)),
    Attack("ask ten times for them, and read nothing", leave_unread),
    Attack("subscribe 100 times with 26 MB of unused variables", subscribe_with_junk),
    Attack("open 500 WebSockets without signing in", take_places),
)
EVERYTHING = "all of these at once"

Report = dict[str, tuple[Effect, str]]


async def report_on(tree: Path, engine: Engine, contacts: int) -> tuple[int, Report]:
    """The memory of a server at rest, and what each attack does to it."""
    found: Report = {}
    async with attacked_server(tree, engine, contacts) as world:
        at_rest = memory_of(world.process_id)
        tokens = {attack: (world.editors if attack.by_editor else world.viewers)[number % TOKENS] for number, attack in enumerate(ATTACKS)}
        for attack in ATTACKS:
            effects: list[Effect] = []
            async with observed(world, effects):
                said = await attack.run(world, tokens[attack])
            found[attack.name] = effects[0], said
            print(f"{tree.name}: {attack.name}: {effects[0].longest:.0f} ms, {effects[0].memory / MEGABYTE:.0f} MB, {said}", flush=True)
    async with attacked_server(tree, engine, contacts) as world:
        effects = []
        async with observed(world, effects):
            await asyncio.gather(
                *(attack.run(world, world.editors[number % TOKENS]) for number, attack in enumerate(ATTACKS)), return_exceptions=True
            )
        found[EVERYTHING] = effects[0], ""
    return at_rest, found


def shown(report: tuple[Effect, str]) -> list[str]:
    """The cells of one attack on one version."""
    (longest, memory), said = report
    return [f"{longest:,.0f} ms", f"{memory / MEGABYTE:,.0f} MB", said]


async def main() -> None:
    """Attack the versions in turn, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--before", type=Path, help="a checkout of an earlier version, whose program is attacked as well")
    parser.add_argument("--contacts", type=int, default=20_000)
    given = parser.parse_args()
    trees = [tree.resolve() for tree in (given.before, Path()) if tree]
    reports = [await report_on(tree, given.engine, given.contacts) for tree in trees]
    heads = [
        f"{head} {when}".strip() for when in (("before", "now") if given.before else ("",)) for head in ("longest wait", "memory", "answer")
    ]
    lines = [[name, *(cell for _, report in reports for cell in shown(report[name]))] for name in reports[0][1]]
    print(table(["attack", *heads], lines))
    print("\nMemory at rest: " + ", ".join(f"{at_rest / MEGABYTE:.0f} MB" for at_rest, _ in reports))


if __name__ == "__main__":
    asyncio.run(main())
