"""The schema: its printed form, its words, and what it answers."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from models import Role
from models.ids import to_global_id
from resolvers.operation.context import Context
from schema.descriptions import describe, described
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_user
from tests.support.graphql import answer, ask, schema

GOLDEN = Path(__file__).parents[1] / "schema" / "schema.graphql"

# ---------------------------------------------------------------- printed form and words


def test_the_printed_schema_is_the_one_that_was_reviewed() -> None:
    assert schema().as_str() + "\n" == GOLDEN.read_text(encoding="utf-8"), "review the change, then: muster schema > schema/schema.graphql"


def test_everything_in_the_schema_is_described() -> None:
    assert [(type_name, name) for type_name, name, element in described(graphql_schema(schema())) if not element.description] == []


def test_every_description_describes_something() -> None:
    assert describe(graphql_schema(schema())).unused() == set()


def test_descriptions_are_sentences() -> None:
    words = {element.description for _, _, element in described(graphql_schema(schema()))}
    assert [text for text in words if not text.endswith(".") or text != text.strip() or text[0].islower()] == []


# ---------------------------------------------------------------- answers


CREATE_GROUP = """
mutation ($name: String!, $criteria: CriteriaInput!) {
  createGroup(input: {name: $name, criteria: $criteria}) { group { id criteria criteriaText } userErrors { code message path } }
}
"""
UPDATE_GROUP = """
mutation ($id: ID!, $criteria: CriteriaInput!) {
  updateGroup(input: {id: $id, criteria: $criteria}) { group { criteria } userErrors { code } }
}
"""
CREATE_CONTACT = """
mutation ($fields: ContactFields!, $tags: [TagRef!]) {
  createContact(input: {fields: $fields, tags: $tags, createMissingTags: true}) { contact { id } userErrors { code path } }
}
"""


async def test_criteria_that_are_read_can_be_written_back(owner: Context) -> None:
    await ask(owner, 'mutation { createTag(input: {name: "Client"}) { tag { id } } }')
    criteria = {"contacts": {"all": [{"country": {"equals": ["Canada", "Mexico"]}}, {"tags": {"containsAny": [{"name": "client"}]}}]}}
    created = (await ask(owner, CREATE_GROUP, name="Clients", criteria=criteria))["createGroup"]["group"]
    assert created["criteriaText"] == "Country is Canada or Mexico, and tags contain Client"
    again = (await ask(owner, UPDATE_GROUP, id=created["id"], criteria=created["criteria"]))["updateGroup"]
    assert again == {"group": {"criteria": created["criteria"]}, "userErrors": []}


async def test_a_refusal_is_a_payload_and_a_missing_role_is_an_error(owner: Context) -> None:
    refused = await ask(owner, CREATE_GROUP, name="", criteria={"contacts": {"email": {"isEmpty": True}}})
    assert refused["createGroup"]["group"] is None
    assert [(error["code"], error["path"]) for error in refused["createGroup"]["userErrors"]] == [("BLANK", ["input", "name"])]
    viewer = await new_user(owner.services, owner.caller.account_id, Role.VIEWER)
    denied = await answer(viewer, 'mutation { createTag(input: {name: "Client"}) { tag { id } } }')
    assert denied["data"] is None
    assert [error["extensions"]["code"] for error in denied["errors"]] == ["FORBIDDEN"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ('{ node(id: "nonsense") { id } }', "nonsense"),
        ("{ contacts(first: 251) { totalCount } }", "first"),
        ('{ contacts(after: "nonsense") { totalCount } }', "after"),
        ("{ contacts(first: 1, last: 1) { totalCount } }", "first"),
    ],
)
async def test_a_malformed_argument_is_an_error_that_names_it(owner: Context, query: str, said: str) -> None:
    found = await answer(owner, query)
    assert [error["extensions"]["code"] for error in found["errors"]] == ["BAD_USER_INPUT"]
    assert said in found["errors"][0]["message"]


async def test_every_kind_of_value_of_a_contact_is_read_as_it_was_written(owner: Context) -> None:
    user = to_global_id("User", owner.caller.user_id)
    fields = {"spent": "12.5", "score": -3, "birthday": "2000-02-29", "lastActivityAt": "2026-03-29T02:30:00.25+02:00", "ownerId": user}
    contact = (await ask(owner, CREATE_CONTACT, fields=fields))["createContact"]["contact"]
    read = "query ($id: ID!) { node(id: $id) { __typename ... on Contact { spent score birthday lastActivityAt owner { id } } } }"
    assert (await ask(owner, read, id=contact["id"]))["node"] == {
        "__typename": "Contact",
        "spent": "12.5",
        "score": -3,
        "birthday": "2000-02-29",
        "lastActivityAt": "2026-03-29T00:30:00.250000Z",
        "owner": {"id": user},
    }


async def test_a_page_of_contacts_costs_the_same_queries_whatever_its_length(owner: Context, caplog: pytest.LogCaptureFixture) -> None:
    user = to_global_id("User", owner.caller.user_id)
    for number in range(50):
        tags = [{"name": f"Kind {number % 7}"}, {"name": f"Tag {number}"}]
        await ask(owner, CREATE_CONTACT, fields={"email": f"contact{number}@example.com", "ownerId": user}, tags=tags)
    page = """query ($first: Int) { contacts(first: $first) { totalCount nodes {
        email owner { name } customFields tags { name contactCount } taggings { tag { name } taggedAt taggedBy { name } }
    } } }"""
    counts = []
    for first in (1, 50):
        with caplog.at_level("DEBUG", logger="tortoise.db_client"):
            caplog.clear()
            found = await ask(owner, page, first=first)
            counts.append(len(caplog.records))
        assert len(found["contacts"]["nodes"]) == first
        assert [tag["name"] for tag in found["contacts"]["nodes"][0]["tags"]] == ["Kind 0", "Tag 0"]
    assert counts[0] == counts[1] <= 8


WATCH = """
subscription ($group: ID!, $after: String) {
  groupChanges(groupId: $group, after: $after) {
    __typename
    ... on MembersChanged { group { name memberCount } fromVersion toVersion memberCount joinedIds leftIds joined { id } cause occurredAt }
    ... on GroupDefinitionChanged { group { name } }
    ... on GroupReset { fresh: group { name } reason memberCount }
  }
}
"""


async def watched(context: Context, kind: str, **given: Any) -> dict[str, Any]:
    """The first message of a kind that a watcher receives."""
    async with asyncio.timeout(10), aclosing(await schema().subscribe(WATCH, variable_values=given, context_value=context)) as results:
        async for result in results:
            assert result.data is not None, result.errors
            message: dict[str, Any] = result.data["groupChanges"]
            if message["__typename"] == kind:
                return message
    raise AssertionError(f"the stream ended without {kind}")


async def test_a_watcher_is_told_of_the_records_as_they_are_at_delivery(owner: Context) -> None:
    criteria = {"contacts": {"country": {"equals": ["Canada"]}}}
    group = (await ask(owner, CREATE_GROUP, name="Canadians", criteria=criteria))["createGroup"]["group"]["id"]
    before = (await ask(owner, "query ($id: ID!) { group(id: $id) { cursor } }", id=group))["group"]["cursor"]
    ids = [(await ask(owner, CREATE_CONTACT, fields={"country": "canada"}))["createContact"]["contact"]["id"] for _ in range(2)]
    await ask(owner, "mutation ($id: ID!) { deleteContact(id: $id) { deletedId } }", id=ids[0])
    message = await watched(owner, "MembersChanged", group=group, after=before)
    assert message == {
        "__typename": "MembersChanged",
        "group": {"name": "Canadians", "memberCount": 1},
        "fromVersion": 0,
        "toVersion": 1,
        "memberCount": 1,
        "joinedIds": ids[:1],
        "leftIds": [],
        "joined": [],  # it has been deleted since
        "cause": "RECORD_CREATED",
        "occurredAt": "2026-03-02T12:00:00Z",
    }


async def test_a_watcher_of_another_groups_log_is_told_to_read_anew(owner: Context) -> None:
    criteria = {"contacts": {"country": {"equals": ["Canada"]}}}
    ids = [(await ask(owner, CREATE_GROUP, name=name, criteria=criteria))["createGroup"]["group"]["id"] for name in ("One", "Two")]
    cursor = (await ask(owner, "query ($id: ID!) { group(id: $id) { cursor } }", id=ids[0]))["group"]["cursor"]
    message = await watched(owner, "GroupReset", group=ids[1], after=cursor)
    assert message == {"__typename": "GroupReset", "fresh": {"name": "Two"}, "reason": "CURSOR_UNKNOWN", "memberCount": 0}
