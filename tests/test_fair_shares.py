"""Fair shares through the whole server: an account that sends all it can, with many tokens, lets a quiet account's requests pass.

Nothing here depends on the time that anything takes: what counts is who is served between a request and its turn.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from itertools import count, groupby
from typing import Any

import httpx
import pytest

from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from app.running.server import Server
from app.settings import Settings
from models import BulkAction, BulkActionState, Group, GroupState
from models.engine.database import Database
from models.engine.fair_order import FairOrder, Turn, WorkKey
from models.engine.fair_queue import FairQueue
from models.engine.loans import Loans
from resolvers.bulk.work import work
from resolvers.grouping.builds import build
from resolvers.grouping.groups import create_group
from resolvers.records.contacts import create_contact
from tests.support.bulk_account import ADD_VIP, EVERYBODY, new_owner, start
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.http_client import web_client
from tests.support.services import running_services

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


class NotedOrder(FairOrder):
    """Notes whose work arrives."""

    def __init__(self, like: FairOrder) -> None:
        super().__init__(like.most_running, like.most_waiting)
        self.keys: list[WorkKey] = []

    def arrive(self, turn: Turn, now: float) -> Turn | None:
        self.keys.append(turn.key)
        return super().arrive(turn, now)


class WatchedOrder(FairOrder):
    """Counts the turns of others that start between the arrival of each watched turn and its start."""

    def __init__(self, like: FairOrder, watched: Callable[[WorkKey], bool]) -> None:
        super().__init__(like.most_running, like.most_waiting)
        self.watched = watched
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
        if self.watched(turn.key):
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


def queues_for_connections(database: Database) -> list[FairQueue]:
    """The queues for connections, the last of which is for those that write."""
    client: Any = database.connection
    return [client.loans.turns] if database.engine == "postgresql" else [client.pool.readers.turns, client.pool.writers.turns]


async def test_the_requests_of_a_quiet_account_are_served_before_what_another_has_waiting(server: Server) -> None:
    busy, quiet = [await create_account(server.services, NewAccount(name, f"owner@{name}.example")) for name in ("busy", "quiet")]
    secrets = [await create_token(busy, f"{number}") for number in range(TOKENS)]
    secret = await create_token(quiet, "only")
    callers, caller = [Caller(server, each) for each in secrets], Caller(server, secret)
    contact = (await caller.ask(NEW_CONTACT, input={"fields": {"company": "Quiet"}}))["data"]["createContact"]["contact"]["id"]
    for each in (callers[0], caller):
        await each.ask(NEW_TAG, input={"name": "busy"})

    def is_quiet(key: WorkKey) -> bool:
        return key.account == quiet.caller.account_id or key.token == hash(f"Bearer {secret}")

    order = server.graphql.turns.order = WatchedOrder(server.graphql.turns.order, is_quiet)
    lent = []
    for queue in queues_for_connections(server.services.database):
        watched = queue.order = WatchedOrder(queue.order, is_quiet)
        lent.append(watched)
    async with asyncio.timeout(DEADLINE), attacked(callers):
        for number in range(REQUESTS):
            assert (await caller.ask(VIEWER))["data"]["viewer"]["role"] == "OWNER"
            answer = await caller.ask((TAG, UNTAG)[number % 2], input={"contactIds": [contact], "tags": [{"name": "busy"}]})
            assert answer["data"][("addTags", "removeTags")[number % 2]]["changed"] == 1
    assert order.most_waiting_at_once > TOKENS  # so many would have been served first in the order of arrival
    assert order.overtaken == [0] * (2 * REQUESTS)
    assert max(each_order.most_waiting_at_once for each_order in lent) > TOKENS
    for each_order in lent:
        # A turn that runs is not interrupted, and at the very first nobody knows yet who sends much.
        assert sorted(each_order.overtaken)[len(each_order.overtaken) * 9 // 10] <= 1


async def test_the_builds_of_one_account_do_not_wait_for_the_end_of_those_of_another(database: Database) -> None:
    async with running_services(database, DrivenClock(), evaluated_at_once=0) as services:
        owners = [await new_account(services) for _ in range(2)]
        for owner in owners:
            await create_contact(owner, fields={"country": "Canada"})
            await create_group(owner, name="Canadians", criteria={"contacts": {"country": {"equals": ["Canada"]}}})
        queue = queues_for_connections(database)[-1]
        order = queue.order = NotedOrder(queue.order)
        await build(services)
        accounts = [key.account for key in order.keys if key.token == "builds"]
        first, second = (owner.caller.account_id for owner in owners)
        assert accounts.index(second) < len(accounts) - 1 - accounts[::-1].index(first)
        assert {group.state for group in await Group.all()} == {GroupState.READY}


class TickingClock(DrivenClock):
    """A clock that shows another time whenever it is read."""

    def __call__(self) -> datetime:
        self.pass_(milliseconds=1)
        return super().__call__()


async def test_the_bulk_actions_of_accounts_take_turns_however_many_one_has(database: Database) -> None:
    async with running_services(database, TickingClock()) as running:
        services = replace(running, bulk_chunk=1)
        busy, quiet = [await new_owner(services) for _ in range(2)]
        for _ in range(4):
            await start(busy, EVERYBODY, ADD_VIP)
        await start(quiet, EVERYBODY, ADD_VIP)
        queue = queues_for_connections(database)[-1]
        order = queue.order = NotedOrder(queue.order)
        await work(services)
        accounts = [account for account, _ in groupby(key.account for key in order.keys if key.token == "bulk")]
        first = [account for account in accounts if account in (busy.caller.account_id, quiet.caller.account_id)][:6]
        assert first == [busy.caller.account_id, quiet.caller.account_id] * 3
        assert {action.state for action in await BulkAction.all()} == {BulkActionState.COMPLETED}


async def test_no_connection_is_lent_while_all_are_awaited() -> None:
    loans = Loans(2)
    loan = await loans.borrow()
    async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
        entered, may_leave = asyncio.Event(), asyncio.Event()

        async def take_all() -> None:
            async with loans.all_lent():
                entered.set()
                await may_leave.wait()

        tasks.create_task(take_all())
        await asyncio.sleep(0)
        later = tasks.create_task(loans.borrow())
        await asyncio.sleep(0)
        assert not entered.is_set()
        loan.end()
        await entered.wait()
        assert (loans.lent, loans.waiting, later.done()) == (0, 1, False)
        may_leave.set()
        (await later).end()
    assert loans.turns.is_empty
