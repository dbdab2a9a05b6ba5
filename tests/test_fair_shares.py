"""Fair shares through the whole server: an account that sends all it can, with many tokens, lets a quiet account's requests pass.

Nothing here depends on the time that anything takes: what counts is who is served between a request and its turn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx
import pytest

from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from app.running.server import Server
from app.settings import Settings
from models.engine.fair_order import FairOrder, Turn
from tests.support.http_client import web_client

TOKENS = 10
REQUESTS = 20
DEADLINE = 60.0
VIEWER = "{ viewer { role } }"
TAG = "mutation ($input: TagContactsInput!) { addTags(input: $input) { changed userErrors { message } } }"
UNTAG = TAG.replace("addTags", "removeTags")
COUNT = "query ($where: ContactCriteria!) { contacts(where: $where) { totalCount } }"
BULK = "mutation ($input: StartBulkActionInput!) { startBulkAction(input: $input) { bulkAction { id } userErrors { message } } }"
IMPORT = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { created userErrors { message } } }"
CREATE = "mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } userErrors { message } } }"
NEW_CONTACT = "mutation ($input: CreateContactInput!) { createContact(input: $input) { contact { id } } }"
NEW_TAG = "mutation ($input: CreateTagInput!) { createTag(input: $input) { tag { id } } }"

numbers = count()


class Caller:
    """A client of the server with one token."""

    def __init__(self, server: Server, token: str) -> None:
        transport = httpx.ASGITransport(server.application)
        self._client = web_client(base_url="http://test", headers={"Authorization": f"Bearer {token}"}, transport=transport)

    async def ask(self, query: str, **variables: object) -> dict[str, Any]:
        """The whole answer."""
        response = await self._client.post("/graphql", json={"query": query, "variables": variables})
        answer: dict[str, Any] = response.json()
        return answer

    async def read(self) -> object:
        return await self.ask(COUNT, where={"company": {"contains": [f"q{number}" for number in range(50)]}})

    async def tag_all(self) -> object:
        target, change = {"where": {"company": {"startsWith": ["Company"]}}}, {"tags": {"add": [{"name": "busy"}]}}
        return await self.ask(BULK, input={"target": target, "change": change, "idempotencyKey": str(next(numbers))})

    async def import_rows(self) -> object:
        rows = [{"fields": {"email": f"c{next(numbers)}@example.com", "company": f"Company {each}"}} for each in range(20)]
        return await self.ask(IMPORT, input={"rows": rows})

    async def create_group(self) -> object:
        return await self.ask(CREATE, input={"name": "Busy", "criteria": {"contacts": {"company": {"startsWith": [f"c{next(numbers)}"]}}}})


class WatchedOrder(FairOrder):
    """Counts the turns of others that start between the arrival of each turn of an account and its start."""

    def __init__(self, like: FairOrder) -> None:
        super().__init__(like.most_running, like.most_waiting)
        self.watched: int | None = None
        self.overtaken: list[int] = []
        self.others = 0
        self.most_waiting_at_once = 0
        self._arrived: dict[Turn, int] = {}

    def arrive(self, turn: Turn, now: float) -> Turn | None:
        self._arrived[turn] = self.others
        refused = super().arrive(turn, now)
        if turn.is_started:
            self._note(turn)
        self.most_waiting_at_once = max(self.most_waiting_at_once, self.waiting)
        return refused

    def finish(self, turn: Turn, now: float) -> Iterable[Turn]:
        started = super().finish(turn, now)
        for each in started:
            self._note(each)
        return started

    def _note(self, turn: Turn) -> None:
        before = self._arrived.pop(turn)
        if turn.key.account == self.watched:
            self.overtaken.append(self.others - before)
        else:
            self.others += 1


@asynccontextmanager
async def attacked(callers: Sequence[Caller]) -> AsyncIterator[None]:
    """Have each caller do all kinds of work without a pause."""

    async def repeat(work: Callable[[], Awaitable[object]]) -> None:
        while True:
            await work()

    kinds = [kind for caller in callers for kind in (caller.read, caller.tag_all, caller.import_rows, caller.create_group)]
    tasks = [asyncio.create_task(repeat(kind)) for kind in kinds]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def server(url: str) -> AsyncIterator[Server]:
    """A whole server in this process."""
    server = Server(Settings(database_url=url, rate_limit_points=0, rate_limit_requests=0))
    async with server.running():
        yield server


async def test_the_requests_of_a_quiet_account_are_served_before_what_another_has_waiting(server: Server) -> None:
    order = server.graphql.turns.order = WatchedOrder(server.graphql.turns.order)
    busy, quiet = [await create_account(server.services, NewAccount(name, f"owner@{name}.example")) for name in ("busy", "quiet")]
    order.watched = quiet.caller.account_id
    callers = [Caller(server, await create_token(busy, f"{number}")) for number in range(TOKENS)]
    caller = Caller(server, await create_token(quiet, "only"))
    contact = (await caller.ask(NEW_CONTACT, input={"fields": {"company": "Quiet"}}))["data"]["createContact"]["contact"]["id"]
    for each in (callers[0], caller):
        await each.ask(NEW_TAG, input={"name": "busy"})
    async with asyncio.timeout(DEADLINE), attacked(callers):
        order.overtaken.clear()
        for number in range(REQUESTS):
            assert (await caller.ask(VIEWER))["data"]["viewer"]["role"] == "OWNER"
            answer = await caller.ask((TAG, UNTAG)[number % 2], input={"contactIds": [contact], "tags": [{"name": "busy"}]})
            assert answer["data"][("addTags", "removeTags")[number % 2]]["changed"] == 1
    assert order.most_waiting_at_once > TOKENS  # so many would have been served first in the order of arrival
    assert order.overtaken == [0] * (2 * REQUESTS)
