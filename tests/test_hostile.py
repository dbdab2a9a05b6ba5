"""Every root field with values that nobody means well with: all are understood or refused, and no answer shows what is inside."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
)

from models.engine.database import Database
from models.ids import to_global_id
from resolvers.operation.context import Context
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.graphql import answer, ask, schema
from tests.support.leaks import traces_in
from tests.support.services import running_services
from tests.support.transport_server import DEADLINE

CANARY = "Zwetschgenknödel"  # a name that only the other account knows
KINDS = ("Contact", "Appointment", "Tag", "Group", "User", "Account", "AccessToken", "BulkAction")
TEXTS = ("", "\x00", "'; --", "%_\\", "\u202eabc\u200b", "x" * 70_000, "😀" * 300, "\n\t", "${jndi}", '"}{"', "NaN", "-1")
IDS = (*(to_global_id(kind, 1) for kind in KINDS), *(to_global_id("Contact", number) for number in (0, -1, 2**63, 10**40)), *TEXTS[:4])
HOSTILE: dict[str, tuple[object, ...]] = {
    "ID": IDS,
    "String": TEXTS,
    "Int": (0, -1, 2**31 - 1, -(2**31), 251),
    "Boolean": (True, False),
    "DateTime": ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-03-29T02:30:00+23:59", "now", 0),
    "Date": ("0001-01-01", "9999-12-31", "2026-02-30", ""),
    "Decimal": ("9" * 40, "-0.0001", "1e9", 10**30),
    "JSON": ({"plan": [[[]]]}, {"": ""}, {"x" * 300: None}, [], 1e308, {"tenure": 10**30}, {"plan": "\x00"}),
}
ROUNDS = 16
DEPTH = 5


def hostile(type_: Any, turn: int, depth: int = DEPTH) -> object:
    """The value of this turn for a type of inputs."""
    match type_:
        case GraphQLNonNull():
            return hostile(type_.of_type, turn, depth)
        case GraphQLList():
            return [hostile(type_.of_type, turn + index, depth) for index in range(turn % 3)]
        case GraphQLEnumType():
            return list(type_.values)[turn % len(type_.values)]
        case GraphQLInputObjectType():
            return hostile_object(type_, turn, depth - 1)
    values = HOSTILE[type_.name]
    return values[turn % len(values)]


def hostile_object(type_: GraphQLInputObjectType, turn: int, depth: int) -> dict[str, object]:
    """One key of those that exclude each other, and otherwise all that are needed and some of the others."""
    names = [name for name, field in type_.fields.items() if depth > 0 or is_leaf_type(get_named_type(field.type))]
    if type_.is_one_of:
        names = [names[turn % len(names)]] if names else []
    chosen = [name for place, name in enumerate(names) if type_.is_one_of or is_needed(type_, name) or (place + turn) % 3 == 0]
    return {name: hostile(type_.fields[name].type, turn + place, depth) for place, name in enumerate(chosen)}


def is_needed(type_: GraphQLInputObjectType, name: str) -> bool:
    return isinstance(type_.fields[name].type, GraphQLNonNull)


def operation(kind: str, name: str, field: GraphQLField) -> str:
    """The operation that asks for one root field, with a variable for each argument."""
    declared = ", ".join(f"${argument}: {each.type}" for argument, each in field.args.items())
    given = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    return f"{kind} {f'({declared})' if declared else ''} {{ {name}{f'({given})' if given else ''} {selection(field)} }}"


def selection(field: GraphQLField) -> str:
    """The plain values of what a field returns, and what there was to mend."""
    found = get_named_type(field.type)
    if is_leaf_type(found):
        return ""
    fields: Mapping[str, GraphQLField] = found.fields if isinstance(found, GraphQLObjectType | GraphQLInterfaceType) else {}
    plain = [name for name, each in fields.items() if is_leaf_type(get_named_type(each.type)) and not each.args]
    below = [f"{name} {{ __typename }}" for name in ("nodes", "edges") if name in fields]
    return f"{{ __typename {' '.join(plain + below)} {'userErrors { code message path }' if 'userErrors' in fields else ''} }}"


def operations() -> dict[str, tuple[str, dict[str, GraphQLArgument]]]:
    """Every root field that answers once, with its arguments."""
    roots = {"query": schema()._schema.query_type, "mutation": schema()._schema.mutation_type}
    return {name: (operation(kind, name, field), field.args) for kind, root in roots.items() if root for name, field in root.fields.items()}


@pytest.fixture
async def caller(database: Database) -> AsyncIterator[Context]:
    """The owner of an account beside one that is none of their business."""
    async with running_services(database, DrivenClock()) as services:
        other = await new_account(services)
        for mutation in (
            f'createTag(input: {{name: "{CANARY}"}}) {{ tag {{ id }} }}',
            f'createContact(input: {{fields: {{firstName: "{CANARY}", city: "{CANARY}"}}}}) {{ contact {{ id }} }}',
            f'createGroup(input: {{name: "{CANARY}", criteria: {{contacts: {{city: {{isEmpty: false}}}}}}}}) {{ group {{ id }} }}',
        ):
            await ask(other, f"mutation {{ {mutation} }}")
        yield await new_account(services)


@pytest.mark.parametrize("name", operations())
async def test_hostile_values_are_understood_or_refused(caller: Context, name: str) -> None:
    query, arguments = operations()[name]
    for turn in range(examples(ROUNDS) if arguments else 1):
        variables = {argument: hostile(each.type, turn + place) for place, (argument, each) in enumerate(arguments.items())}
        async with asyncio.timeout(DEADLINE):
            found = await answer(caller, query, variables)
        text = orjson.dumps(found).decode()
        codes = {error["extensions"]["code"] for error in found.get("errors", ())}
        assert codes <= {"BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN"}, (variables, found)
        assert traces_in(text) == []
        assert CANARY not in text
