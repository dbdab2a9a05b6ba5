"""A record type that the product does not have: deals, passed to the composition root, in a real server and in each part of the engine."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gql import GraphQLRequest
from gql.client import AsyncClientSession

from models import Contact
from models.engine.database import Database, open_database
from models.engine.migrate import migrate, require_current_schema
from models.errors import SchemaOutdated
from resolvers.criteria.language.record_types import CONTACT, RecordTypes
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.deals.records import DEAL
from tests.support.databases import Databases
from tests.support.processes import DEADLINE, Server, serving, verify

SERVE = "tests.deals.serve"

CREATE_CONTACT = "mutation ($fields: ContactFields!) { createContact(input: {fields: $fields}) { contact { id } userErrors { message } } }"
UPDATE_CONTACT = (
    "mutation ($id: ID!, $fields: ContactFields!) { updateContact(input: {id: $id, fields: $fields}) { userErrors { message } } }"
)
DELETE_CONTACT = "mutation ($id: ID!) { deleteContact(id: $id) { userErrors { message } } }"
CREATE_DEAL = "mutation ($input: CreateDealInput!) { createDeal(input: $input) { deal { id } userErrors { message path } } }"
UPDATE_DEAL = "mutation ($input: UpdateDealInput!) { updateDeal(input: $input) { userErrors { message path } } }"
DELETE_DEAL = "mutation ($id: ID!) { deleteDeal(id: $id) { userErrors { message } } }"
CREATE_GROUP = """
    mutation ($criteria: CriteriaInput!) {
        createGroup(input: {name: "Deals", criteria: $criteria}) {
            group { id recordType criteria criteriaText memberCount cursor diagnostics { code } } userErrors { message path }
        }
    }
"""
WATCH = """
    subscription ($group: ID!, $after: String) {
        groupChanges(groupId: $group, after: $after) {
            ... on MembersChanged { joinedIds leftIds cause joined { id ... on Deal { title contact { country } } } }
        }
    }
"""
START = "mutation ($input: StartBulkActionInput!) { startBulkAction(input: $input) { bulkAction { id } userErrors { message } } }"
UNDO = "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id } userErrors { message } } }"
READ = """
    query ($group: ID!, $deal: ID!, $criteria: CriteriaInput!) {
        group(id: $group) { isMember(recordId: $deal) members(search: "ana") { nodes { id ... on Deal { title amount } } } }
        node(id: $deal) { ... on Deal { title amount closesAt } }
        groups(recordType: DEAL) { nodes { recordType } }
        preview(criteria: $criteria) { count criteriaText sample { id } }
        explain(recordId: $deal, groupId: $group) { matches root { children { text matches actual } } }
        segmentFields(recordType: DEAL) { key label type suggestions { value count } }
        deals(where: {amount: {lessThan: "1000"}}) { nodes { title } }
    }
"""
LARGE: dict[str, Any] = {
    "deals": {
        "all": [
            {"amount": {"greaterOrEqual": "1000"}},
            {"closesAt": {"onOrAfter": {"now": {}}}},
            {"contact": {"country": {"equals": ["Canada"]}}},
        ]
    }
}
BUYERS: dict[str, Any] = {"contacts": {"deals": {"atLeast": {"count": 2, "where": {"amount": {"isEmpty": False}}}}}}


@pytest.fixture
async def deals_url(databases: Databases, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of an empty database that has a table of deals."""
    async with databases.migrated(tmp_path, PRODUCT_WITH_DEALS) as url:
        async with open_database(url, table_sets=PRODUCT_WITH_DEALS.table_sets) as database:
            await require_current_schema(database)
        yield url


@pytest.fixture
async def server(deals_url: str) -> AsyncIterator[Server]:
    """A server with deals, which is verified in the end."""
    async with serving(deals_url, program=SERVE) as server:
        yield server
        await verify(deals_url, PRODUCT_WITH_DEALS)


class Account:
    """An account on the server, with what its owner does there."""

    def __init__(self, server: Server, token: str) -> None:
        self.server = server
        self.token = token

    async def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The only field of an answer, which is no refusal."""
        (found,) = (await self.server.ask(self.token, query, **variables)).values()
        assert not found.get("userErrors"), found
        answer: dict[str, Any] = found
        return answer

    async def contact(self, **fields: Any) -> str:
        created: str = (await self.ask(CREATE_CONTACT, fields=fields))["contact"]["id"]
        return created

    async def deal(self, contact: str, **values: Any) -> str:
        created: str = (await self.ask(CREATE_DEAL, input={"contactId": contact, "title": "Sale", **values}))["deal"]["id"]
        return created

    async def group(self, criteria: dict[str, Any]) -> dict[str, Any]:
        group: dict[str, Any] = (await self.ask(CREATE_GROUP, criteria=criteria))["group"]
        return group


async def watch(session: AsyncClientSession, group: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """The joins and leaves of a group since it was created, each within the deadline."""
    stream = session.subscribe(GraphQLRequest(WATCH, variable_values={"group": group["id"], "after": group["cursor"]}))
    while True:
        async with asyncio.timeout(DEADLINE):
            message = (await anext(stream))["groupChanges"]
        if message:
            yield message


def _in(**offset: float) -> str:
    return (datetime.now(UTC) + timedelta(**offset)).isoformat()


async def test_deals_join_and_leave_a_group_live(server: Server) -> None:
    account = Account(server, await server.new_token())
    contact = await account.contact(email="ana@example.com", country="Canada")
    group = await account.group(LARGE)
    assert (group["recordType"], group["criteria"], group["diagnostics"]) == ("DEAL", LARGE, [])
    assert group["criteriaText"] == "Amount is at least 1,000, closes now or later, and the contact's country is Canada"
    async with server.session(account.token) as session:
        messages = watch(session, group)

        async def joins_and_leaves() -> tuple[list[str], list[str], str]:
            message = await anext(messages)
            return message["joinedIds"], message["leftIds"], message["cause"]

        deal = await account.deal(contact, amount="1200", closesAt=_in(hours=1))
        joined = await anext(messages)
        assert (joined["joinedIds"], joined["cause"]) == ([deal], "RECORD_CREATED")
        assert joined["joined"] == [{"id": deal, "title": "Sale", "contact": {"country": "Canada"}}]
        await account.ask(UPDATE_DEAL, input={"id": deal, "amount": "999.99"})
        assert await joins_and_leaves() == ([], [deal], "RECORD_CHANGED")
        await account.ask(UPDATE_DEAL, input={"id": deal, "amount": "1000"})
        assert await joins_and_leaves() == ([deal], [], "RECORD_CHANGED")

        await account.ask(UPDATE_CONTACT, id=contact, fields={"country": "France"})
        assert await joins_and_leaves() == ([], [deal], "RECORD_CHANGED")
        await account.ask(UPDATE_CONTACT, id=contact, fields={"country": "canada"})
        assert await joins_and_leaves() == ([deal], [], "RECORD_CHANGED")

        await account.ask(UPDATE_DEAL, input={"id": deal, "closesAt": _in(seconds=1)})
        assert await joins_and_leaves() == ([], [deal], "TIME_PASSED")

        for remove in (DELETE_DEAL, DELETE_CONTACT):
            another = await account.deal(contact, amount="5000", closesAt=_in(hours=1))
            assert await joins_and_leaves() == ([another], [], "RECORD_CREATED")
            await account.ask(remove, id=another if remove == DELETE_DEAL else contact)
            assert await joins_and_leaves() == ([], [another], "RECORD_DELETED")


async def test_contacts_are_grouped_by_their_deals_and_bulk_deletion_of_them_is_undone(server: Server) -> None:
    account = Account(server, await server.new_token())
    group = await account.group(BUYERS)
    assert group["criteriaText"] == "Has at least 2 deals where their amount is not empty"
    contact = await account.contact(email="ana@example.com")
    async with server.session(account.token) as session:
        messages = watch(session, group)
        for amount in ("1", None, "2"):
            await account.deal(contact, amount=amount, closesAt=None)
        assert (await anext(messages))["joinedIds"] == [contact]
        action = await account.ask(START, input={"target": {"contactIds": [contact]}, "change": {"delete": True}})
        assert (await anext(messages))["leftIds"] == [contact]
        await account.ask(UNDO, id=action["bulkAction"]["id"])
        assert (await anext(messages))["joinedIds"] == [contact]


async def test_deals_are_read_in_every_way_in_which_records_are(server: Server) -> None:
    account = Account(server, await server.new_token())
    contact = await account.contact(email="ana@example.com", country="Canada")
    await account.deal(contact, title="Small", amount="10")
    deal = await account.deal(contact, title="Large", amount="1200.5", closesAt="2999-01-01T00:00:00Z")
    group = await account.group(LARGE)
    found = await server.ask(account.token, READ, group=group["id"], deal=deal, criteria=LARGE)
    assert found["group"] == {"isMember": True, "members": {"nodes": [{"id": deal, "title": "Large", "amount": "1200.5"}]}}
    assert found["node"] == {"title": "Large", "amount": "1200.5", "closesAt": "2999-01-01T00:00:00Z"}
    assert found["groups"] == {"nodes": [{"recordType": "DEAL"}]}
    assert found["preview"] == {"count": 1, "criteriaText": group["criteriaText"], "sample": [{"id": deal}]}
    assert found["explain"]["matches"]
    assert [node["actual"] for node in found["explain"]["root"]["children"][:2]] == ["1200.5", "2999-01-01T00:00:00Z"]
    assert [field["key"] for field in found["segmentFields"]] == ["title", "amount", "closesAt", "createdAt", "updatedAt", "contact"]
    assert found["segmentFields"][0]["suggestions"] == [{"value": "Large", "count": 1}, {"value": "Small", "count": 1}]
    assert found["deals"] == {"nodes": [{"title": "Small"}]}


async def test_a_database_without_deals_is_refused_until_it_is_migrated(url: str) -> None:
    async with open_database(url, table_sets=PRODUCT_WITH_DEALS.table_sets) as database:
        with pytest.raises(SchemaOutdated, match="0001_deals"):
            await require_current_schema(database)
        assert await migrate(database) == ["0001_deals"]
        await require_current_schema(database)


async def test_the_product_serves_a_database_that_has_deals_too(deals_url: str) -> None:
    async with open_database(deals_url) as database:
        await require_current_schema(database)


async def test_the_table_has_a_column_for_every_field(database: Database) -> None:
    for record_type in PRODUCT_WITH_DEALS.record_types.all:
        columns = record_type.model._meta.fields_map.keys()
        assert {*record_type.columns, *record_type.texts, record_type.contact_column} <= columns
        assert record_type.table == record_type.model._meta.db_table


@pytest.mark.parametrize(
    "changed", [{"name": "CONTACT"}, {"key": "contacts"}, {"noun": "tag"}, {"model": Contact}, {"name": "OPPORTUNITIES"}]
)
def test_rows_that_could_be_mistaken_for_others_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"record type|records of one type"):
        RecordTypes([replace(DEAL, **changed)])
    assert RecordTypes([DEAL]).all == (CONTACT, DEAL)
