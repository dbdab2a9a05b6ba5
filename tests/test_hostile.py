"""Every root field with values that nobody means well with: all are understood or refused, and no answer shows what is inside."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from functools import cache
from typing import Any, NamedTuple

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
    is_scalar_type,
)

from models.engine.database import Database
from models.ids import to_global_id
from resolvers.operation.context import Context
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.furnished_account import furnish
from tests.support.graphql import answer, ask, formatted, schema
from tests.support.leaks import traces_in
from tests.support.schema_walk import Guide, roots
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
    "JSON": ({"plan": [[[]]]}, {"": ""}, {"x" * 300: None}, [], 1e308, {"tenure": 10**30}, {"plan": "\x00"}, {"okapi": "\x00"}),
}
ROUNDS = 16
OUTCOMES = {"BAD_USER_INPUT", "NOT_FOUND", "FORBIDDEN"}
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
    roots = {"query": graphql_schema(schema()).query_type, "mutation": graphql_schema(schema()).mutation_type}
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
        assert codes <= OUTCOMES, (variables, found)
        assert traces_in(text) == []
        assert CANARY not in text


# ---------------------------------------------------------------- one spoilt value among good ones


class Asked(NamedTuple):
    """An operation around a field with arguments, and that field."""

    kind: str
    query: str
    name: str
    field: GraphQLField


ROOT = "{kind} {declared} {{ {asked} }}"
OF_A_NODE = "{kind} {declared} {{ node(id: $node) {{ ... on {type} {{ {asked} }} }} }}"
OF_ANOTHER = {"SegmentField": "{kind} {declared} {{ segmentFields {{ {asked} }} }}"}  # where a type is found that is no node


def asked(frame: str, kind: str, name: str, field: GraphQLField, *, type_: str = "") -> Asked:
    """The operation for a field of a type, each of its arguments as a variable."""
    declared = [f"${argument}: {each.type}" for argument, each in field.args.items()] + ["$node: ID!"] * ("$node" in frame)
    given = ", ".join(f"{argument}: ${argument}" for argument in field.args)
    query = frame.format(kind=kind, type=type_, declared=f"({', '.join(declared)})", asked=f"{name}({given}) {selection(field)}")
    return Asked(kind, query, name, field)


@cache
def fields_with_arguments() -> dict[str, Asked]:
    """Every field that takes arguments, those of the root first."""
    graph = graphql_schema(schema())
    root = {name: asked(ROOT, kind, name, field) for kind, name, field in roots(graph) if field.args}
    below = {
        f"{type_.name}.{name}": asked(OF_ANOTHER.get(type_.name, OF_A_NODE), "query", name, field, type_=type_.name)
        for type_ in graph.type_map.values()
        if isinstance(type_, GraphQLObjectType) and type_ not in (graph.query_type, graph.mutation_type, graph.subscription_type)
        for name, field in type_.fields.items()
        if field.args and not type_.name.startswith("__")
    }
    return root | below


@cache
def first_places() -> dict[tuple[str, str], str]:
    """Every argument and every field of an input, by what declares it and its name, with the first of the fields that lead there."""
    guide, found = Guide(graphql_schema(schema()), {"Contact": ""}), dict[tuple[str, str], str]()
    for place, each in fields_with_arguments().items():
        for leaf in guide.leaves(each.name, each.field):
            found.setdefault((leaf.owner, leaf.name) if leaf.owner != each.name else (place, leaf.name), place)
    return found


async def first_answer(context: Context, asked: Asked, given: dict[str, Any]) -> dict[str, Any]:
    """The answer, or the first one of a subscription."""
    if asked.kind != "subscription":
        return await answer(context, asked.query, given)
    async with aclosing(await schema().subscribe(asked.query, variable_values=given, context_value=context)) as results:
        return formatted(await anext(results))


def test_every_argument_of_the_schema_is_spoilt_somewhere() -> None:
    graph = graphql_schema(schema())
    inputs = [type_ for type_ in graph.type_map.values() if isinstance(type_, GraphQLInputObjectType)]
    scalars = {(type_.name, name) for type_ in inputs for name, each in type_.fields.items() if is_scalar_type(get_named_type(each.type))}
    arguments = {
        (place, argument)
        for place, each in fields_with_arguments().items()
        for argument, found in each.field.args.items()
        if is_scalar_type(get_named_type(found.type))
    }
    assert first_places().keys() == scalars | arguments


@pytest.mark.parametrize("place", fields_with_arguments())
async def test_one_hostile_value_among_good_ones_is_understood_or_refused(caller: Context, place: str) -> None:
    own, each = await furnish(caller, "Okapi"), fields_with_arguments()[place]
    node = own.get(place.partition(".")[0], "")
    guide, done = Guide(graphql_schema(schema()), own), set[tuple[str, str]]()
    for leaf in guide.leaves(each.name, each.field):
        key = (leaf.owner, leaf.name) if leaf.owner != each.name else (place, leaf.name)
        if first_places()[key] != place or key in done:
            continue
        done.add(key)
        for value in HOSTILE[leaf.scalar]:
            async with asyncio.timeout(DEADLINE):
                found = await first_answer(caller, each, ({"node": node} if "$node" in each.query else {}) | leaf.place(value))
            codes = {error["extensions"]["code"] for error in found.get("errors", ())}
            assert codes <= OUTCOMES, (key, value, found)
            text = orjson.dumps(found).decode()
            assert traces_in(text) == []
            assert CANARY not in text
