"""Answers to events that a fault of the server has spoilt: nobody takes one for the event and goes on without what it told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from structlog.testing import capture_logs

from app.graphql.execution.operations import ANY_OPERATION, Operations
from app.graphql.execution.wire import Answer, Answers, GraphQLRequest
from models.engine.database import Database
from models.engine.fair_queue import FairQueue
from models.errors import BadInput, DeadlineExceeded
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.graphql import schema
from tests.support.services import running_services
from tests.support.transport_server import Peer, serve

DEADLINE = 30.0
TICKS = "subscription ($start: Int = 1) { ticks(start: $start) { number frail } }"
EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}
JOINED = """
    subscription ($id: ID!, $after: String) { groupChanges(groupId: $id, after: $after) {
        ... on GroupHeartbeat { cursor }
        ... on MembersChanged { toVersion joined { ... on Contact { appointments { totalCount } } } }
    } }
"""


@asynccontextmanager
async def faulty(fault: Exception) -> AsyncIterator[Peer]:
    """A socket to a server that fails once, at the answer to the second event."""
    async with serve() as service, service.socket() as peer:
        service.probe.faults[2] = fault
        for _ in range(3):
            service.probe.tick()
        with capture_logs():
            yield await peer.sign_in()
        await service.probe.until("ticks", 1)


def next_(number: int) -> dict[str, object]:
    return {"id": "1", "type": "next", "payload": {"data": {"ticks": {"number": number, "frail": number}}}}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ConnectionResetError("dsn=secret"), "UNAVAILABLE"),
        (ZeroDivisionError("dsn=secret"), "INTERNAL_SERVER_ERROR"),
        (DeadlineExceeded(30), "DEADLINE_EXCEEDED"),
    ],
)
async def test_a_fault_is_told_as_an_error_that_ends_the_stream_before_its_event(fault: Exception, code: str) -> None:
    async with faulty(fault) as peer:
        await peer.subscribe("1", TICKS)
        assert await peer.receive() == next_(1)
        told = await peer.receive()
        assert (told["id"], told["type"]) == ("1", "error")
        assert isinstance(told["payload"], list)
        assert [error["extensions"]["code"] for error in told["payload"]] == [code]
        await peer.subscribe("1", TICKS, variables={"start": 2})
        assert [await peer.receive() for _ in range(2)] == [next_(2), next_(3)]


async def test_what_the_client_can_mend_is_told_beside_the_data_and_the_stream_goes_on() -> None:
    async with faulty(BadInput("Write it so.")) as peer:
        await peer.subscribe("1", TICKS)
        assert await peer.receive() == next_(1)
        told = await peer.receive()
        assert isinstance(told["payload"], dict)
        assert (told["type"], told["payload"]["data"]) == ("next", {"ticks": {"number": 2, "frail": None}})
        assert told["payload"]["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert await peer.receive() == next_(3)


def change(answer: Answer) -> dict[str, object]:
    found: dict[str, object] = orjson.loads(answer.text)["data"]["groupChanges"]
    return found


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_change_whose_records_could_not_be_read_is_told_to_who_subscribes_again(database: Database, *, at_once: bool) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        owner = await new_account(services)
        group = to_global_id("Group", (await create_group(owner, name="Everybody", criteria=EVERYBODY)).id)
        operations, taken = Operations(schema(), FairQueue(10, 10)), list[Answer]()
        own = Context(replace(services, heartbeat_seconds=600), owner.caller, owner.scope)

        def take(answer: Answer) -> bool:
            taken.append(answer)
            return True

        async def subscribe(after: object = None) -> Answers:
            request, push = GraphQLRequest(JOINED, {"id": group, "after": after}, None), take if at_once else None
            return await operations.begin(request, own, kinds=ANY_OPERATION, push=push)

        answers = await subscribe()
        cursor = change(await anext(answers))["cursor"]
        following = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0)
        await database.rows("ALTER TABLE appointments RENAME TO mislaid")
        with capture_logs():
            await create_contact(owner, fields={})
            spoilt = await following
        assert (spoilt.codes, spoilt.errors and "data" in orjson.loads(spoilt.text)) == (("INTERNAL_SERVER_ERROR",), False)
        assert [answer async for answer in answers] == taken == []
        await database.rows("ALTER TABLE mislaid RENAME TO appointments")
        answers = await subscribe(cursor)
        assert change(await anext(answers))["toVersion"] == 1
        await answers.aclose()


async def test_the_answer_to_an_event_has_a_deadline_and_waiting_for_the_event_has_none(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        owner = await new_account(services)
        group = to_global_id("Group", (await create_group(owner, name="Everybody", criteria=EVERYBODY)).id)
        operations = Operations(schema(), FairQueue(10, 10), request_seconds=-1)  # over as soon as it begins
        own = Context(replace(services, heartbeat_seconds=600), owner.caller, owner.scope)
        answers = await operations.begin(GraphQLRequest(JOINED, {"id": group}, None), own, kinds=ANY_OPERATION)
        assert change(await anext(answers))["cursor"]
        following = asyncio.ensure_future(anext(answers))
        await asyncio.sleep(0)
        await create_contact(owner, fields={})
        assert (await following).codes == ("DEADLINE_EXCEEDED",)
        assert [answer async for answer in answers] == []
