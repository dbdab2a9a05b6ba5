"""Subscriptions of the real schema, as the transport runs them: what is shared between whom, and that nothing is left of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import orjson
import pytest
from graphql import parse

from app.graphql.execution.operations import ANY_OPERATION, Operations
from app.graphql.execution.sharing_analysis import analyse_sharing
from app.graphql.execution.wire import Answer, Answers, GraphQLRequest
from models import Role
from models.engine.database import Database
from models.engine.fair_queue import FairQueue
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact
from schema.changes import SAME_FOR_ALL
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.graphql import schema
from tests.support.services import running_services

DEADLINE = 30.0
CHURN = 300
EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}
GROUP = (
    "subscription ($id: ID!) { groupChanges(groupId: $id) { ... on MembersChanged { joined { id } } ... on GroupHeartbeat { cursor } } }"
)
VERSIONS = "subscription ($id: ID!) { groupChanges(groupId: $id) { ... on MembersChanged { toVersion joined { id } } } }"
COUNTS = "subscription ($id: ID!) { groupCounts(groupIds: [$id]) { memberCount group { id name } } }"
CONTACT = "subscription ($id: ID!) { contactGroupChanges(contactId: $id) { joined group { id } } }"


def selecting(selection: str) -> bool:
    document = parse(f"subscription ($n: Int) {{ groupChanges(groupId: 1) {{ ... on MembersChanged {{ {selection} }} }} }}")
    found = analyse_sharing(graphql_schema(schema()), document, None)
    assert found is not None
    return found.is_personal


@pytest.mark.parametrize(
    "selection",
    [
        "cursor joinedIds leftIds cause occurredAt memberCount",
        "group { id name memberCount version cursor }",
        "joined { __typename id createdAt ... on Contact { email tags { name } customFields owner { name } } }",
        "joined { ... on Appointment { title contact { email } } }",
    ],
)
def test_what_everybody_in_the_account_may_see_is_shared_by_all_of_them(selection: str) -> None:
    assert not selecting(selection)


@pytest.mark.parametrize(
    "selection",
    [
        "group { viewerCanEdit }",
        "group { criteriaText }",
        "group { diagnostics { message } }",
        "joined { ... on Contact { groups { nodes { id } } } }",
        "joined { ... on Contact { tags { usedBy { id } } } }",
    ],
)
def test_what_depends_on_the_viewer_is_not(selection: str) -> None:
    assert selecting(selection)


def test_only_variables_beneath_the_root_field_matter() -> None:
    document = parse("""
        subscription ($id: ID!, $after: String, $with: Boolean!, $n: Int, $skip: Boolean!) {
            groupChanges(groupId: $id, after: $after) @skip(if: $skip) { ...Change }
        }
        fragment Change on MembersChanged { joined @include(if: $with) { ... on Contact { groups(first: $n) { totalCount } } } }
    """)
    found = analyse_sharing(graphql_schema(schema()), document, None)
    assert found is not None
    assert found.variables == {"with", "n", "skip"}


def test_every_field_that_is_said_to_be_the_same_for_all_exists() -> None:
    types = graphql_schema(schema()).type_map
    for coordinate in SAME_FOR_ALL:
        owner, _, name = coordinate.partition(".")
        assert name in types[owner].fields, coordinate  # type: ignore[attr-defined]  # object types have fields


@asynccontextmanager
async def watching(operations: Operations, context: Context, query: str, target: str) -> AsyncIterator[Answers]:
    own = Context(context.services, context.caller, context.scope)
    answers = await operations.begin(GraphQLRequest(query, {"id": target}, None), own, kinds=ANY_OPERATION)
    try:
        yield answers
    finally:
        await answers.aclose()


async def test_users_of_an_account_are_given_the_same_answer_and_others_are_not(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        owner = await new_account(services)
        colleague = await new_user(services, owner.caller.account_id, Role.VIEWER)
        group = to_global_id("Group", (await create_group(owner, name="Everybody", criteria=EVERYBODY)).id)
        operations = Operations(schema(), FairQueue(10, 10))
        async with watching(operations, owner, GROUP, group) as one, watching(operations, colleague, GROUP, group) as other:
            await anext(one)
            await anext(other)
            await create_contact(owner, fields={})
            assert await anext(one) is await anext(other)


async def test_answers_that_can_be_told_at_once_are_told_in_order_and_not_returned(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await new_account(services)
        group = to_global_id("Group", (await create_group(context, name="Everybody", criteria=EVERYBODY)).id)
        taken: list[Answer] = []

        def push(answer: Answer) -> bool:
            is_busy = len(taken) % 3 == 2
            taken.append(answer)
            return not is_busy

        own = Context(replace(services, heartbeat_seconds=600), context.caller, context.scope)  # heartbeats are not told at once
        answers = await Operations(schema(), FairQueue(10, 10)).begin(
            GraphQLRequest(VERSIONS, {"id": group}, None), own, kinds=ANY_OPERATION, push=push
        )
        told: list[Answer] = [await anext(answers)]
        following = asyncio.create_task(anext(answers))
        for _ in range(3):
            await create_contact(context, fields={})
        assert await following is taken.pop()
        versions = [orjson.loads(answer.text)["data"]["groupChanges"]["toVersion"] for answer in [*taken, following.result()]]
        assert versions == [1, 2, 3]
        assert "toVersion" not in told[0].text
        await answers.aclose()


async def test_nothing_is_left_of_watchers_who_went_away(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await new_account(services)
        group = to_global_id("Group", (await create_group(context, name="Everybody", criteria=EVERYBODY)).id)
        contact = to_global_id("Contact", (await create_contact(context, fields={})).id)
        operations = Operations(schema(), FairQueue(10, 10))
        before = len(asyncio.all_tasks())

        async def watch(number: int) -> None:
            query, target = [(GROUP, group), (COUNTS, group), (CONTACT, contact)][number % 3]
            async with watching(operations, context, query, target) as answers:
                async for _ in answers:
                    pass

        for _ in range(3):
            watchers = [asyncio.create_task(watch(number)) for number in range(CHURN // 3)]
            while services.hub.topics < 2:  # noqa: ASYNC110  # the hub has no event for it
                await asyncio.sleep(0)
            await create_contact(context, fields={})
            for watcher in watchers:
                watcher.cancel()
            await asyncio.gather(*watchers, return_exceptions=True)
        assert services.hub.topics == 0
        while len(asyncio.all_tasks()) > before:  # noqa: ASYNC110  # tasks have no event for it
            await asyncio.sleep(0)
