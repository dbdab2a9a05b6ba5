"""Accounts do not know of each other: a walk through the whole schema with another account's token finds nothing."""

import json
from contextlib import aclosing
from typing import Any

import pytest
from graphql import GraphQLObjectType

from models.engine.database import Database
from models.ids import to_global_id
from resolvers.operation.context import Context, Services
from schema import documents
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_account
from tests.support.furnished_account import furnish
from tests.support.graphql import answer, formatted, schema
from tests.support.schema_walk import Guide, roots, variables

NAMES = (("zebra", "moose"), ("Zebra@example.com", "Moose@example.com"))
NOBODY = 2**52  # numbers from here on are nobody's
TABLES = (
    "users",
    "access_tokens",
    "contacts",
    "search_terms",
    "tags",
    "taggings",
    "appointments",
    "custom_fields",
    "custom_values",
    "groups",
    "group_members",
    "group_events",
    "bulk_actions",
    "bulk_inverses",
    "audit_entries",
)


@pytest.fixture(autouse=True)
def remembered_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long documents are remembered too: each is asked here hundreds of times with other variables."""
    monkeypatch.setattr(documents, "LONGEST_REMEMBERED", 1_000_000)


async def everything_of(database: Database, context: Context) -> dict[str, list[dict[str, Any]]]:
    """All rows of an account."""
    account = context.caller.account_id
    rows = {table: await database.rows(f"SELECT * FROM {table} WHERE account_id = :id ORDER BY id", id=account) for table in TABLES}
    return {**rows, "accounts": await database.rows("SELECT * FROM accounts WHERE id = :id", id=account)}


async def reply(context: Context, kind: str, query: str, given: dict[str, Any]) -> Any:
    """The answer, or the first one of a subscription."""
    if kind == "subscription":
        async with aclosing(await schema().subscribe(query, variable_values=given, context_value=context)) as results:
            said = formatted(await anext(results))
    else:
        said = await answer(context, query, given)
    codes = {error["extensions"]["code"] for error in said.get("errors", [])}
    assert codes <= {"NOT_FOUND", "BAD_USER_INPUT"}, said  # anything else would say that the question was no question
    return said


async def test_ids_of_another_account_answer_like_ids_that_never_were(services: Services) -> None:
    stranger, caller = await new_account(services), await new_account(services)
    foreign, own = await furnish(stranger, "Zebra"), await furnish(caller, "Okapi")
    before = await everything_of(services.database, stranger)
    guide = Guide(graphql_schema(schema()), own)
    asked = 0
    for kind, name, root in roots(graphql_schema(schema())):
        query = guide.operation(kind, name, root, depth=2)
        for place in guide.arguments(name, root, "ID"):
            for type_name, theirs in foreign.items():
                nobodys = to_global_id(type_name, NOBODY)
                said = [await reply(caller, kind, query, variables(query, place(id), id)) for id in (theirs, nobodys)]
                assert text(said[0], theirs) == text(said[1], nobodys), (name, place(theirs))
                assert "Zebra" not in text(said[0], theirs)
                asked += 1
    assert asked > 500
    assert await everything_of(services.database, stranger) == before


def text(said: Any, id: str) -> str:
    """An answer as text, with the id that was asked about made unrecognisable."""
    return json.dumps(said, sort_keys=True).replace(id, "(id)")


async def test_names_of_another_account_answer_like_names_that_never_were(services: Services) -> None:
    stranger, caller = await new_account(services), await new_account(services)
    own = (await furnish(stranger, "Zebra"), await furnish(caller, "Okapi"))[1]
    guide = Guide(graphql_schema(schema()), own)
    asked = 0
    for kind, name, root in roots(graphql_schema(schema())):
        places = guide.arguments(name, root, "String") if kind == "query" else ()
        query = guide.operation(kind, name, root, depth=2)
        for place in places:
            for theirs, nobodys in NAMES if name == "contact" else NAMES[:1]:
                said = [await reply(caller, kind, query, variables(query, place(name), own["Contact"])) for name in (theirs, nobodys)]
                assert text(said[0], theirs) == text(said[1], nobodys), (name, place(theirs))
                asked += 1
    assert asked > 500


async def test_the_key_of_another_accounts_custom_field_is_unknown(services: Services) -> None:
    stranger, caller = await new_account(services), await new_account(services)
    await furnish(stranger, "Zebra")
    for change in ('updateCustomField(input: {key: "%s", label: "x"})', 'deleteCustomField(key: "%s", force: true)'):
        mutation = f"mutation {{ {change} {{ userErrors {{ code message path }} }} }}"
        said = [await answer(caller, mutation % key) for key in ("zebra", "moose")]
        assert text(said[0], "zebra") == text(said[1], "moose")
    fields = (await everything_of(services.database, stranger))["custom_fields"]
    assert [row["key"] for row in fields] == ["zebra"]


async def test_a_walk_over_every_field_meets_nothing_of_another_account(services: Services) -> None:
    stranger, caller = await new_account(services), await new_account(services)
    foreign, own = await furnish(stranger, "Zebra"), await furnish(caller, "Okapi")
    before = await everything_of(services.database, stranger)
    guide = Guide(graphql_schema(schema()), own)
    read = []
    for kind, name, root in roots(graphql_schema(schema())):
        query = guide.operation(kind, name, root, depth=5)
        given = variables(query, guide.own_arguments(name, root), own["Contact"])
        read.append(json.dumps(await reply(caller, kind, query, given)).lower())
    assert sum("okapi" in said for said in read) > 10
    assert [said for said in read if "zebra" in said or any(id.lower() in said for id in foreign.values())] == []
    assert guide.visited >= {
        (type_.name, name)
        for type_ in graphql_schema(schema()).type_map.values()
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__")
        for name in type_.fields
    }
    assert await everything_of(services.database, stranger) == before
