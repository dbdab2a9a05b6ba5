"""What operations cost: what their answers may hold and their arguments cause, found out in one pass and before anything runs."""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLNamedType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionNode,
    build_schema,
    execute_sync,
    get_introspection_query,
    parse,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from app.settings import Settings
from resolvers.operation.allowance import Allowance
from resolvers.operation.context import Context
from resolvers.records.imports import MOST_ROWS
from schema import tariff
from schema.cost import MOST, MOST_REMEMBERED, Cost, OperationCost, Pricing
from schema.input_cost import InputPricing
from schema.limits import DocumentLimits, count_values
from schema.strawberry_adapter import graphql_schema
from tests.support import criteria_world
from tests.support.graphql import answer, ask, schema

DOCS = Path(__file__).parents[1] / "docs"
LIMITS = DocumentLimits(page=2, largest_page=7)


@cache
def world() -> GraphQLSchema:
    """Things in things, which hold as many as is taken to be the case, or as is asked for."""
    made = build_schema(
        """
        type Query { name: String thing: Query! list: [Query!]! page(first: Int, last: Int): QueryConnection! }
        type QueryConnection { size: Int! nodes: [Query!]! edges: [QueryEdge!]! }
        type QueryEdge { cursor: String node: Query! }
        """
    )
    for name, resolve in {"thing": _one, "list": _list, "page": _page}.items():
        made.type_map["Query"].fields[name].resolve = resolve  # type: ignore[attr-defined]  # it is an object type
    return made


def _one(*_: object) -> dict[str, object]:
    return {}


def _list(*_: object) -> list[dict[str, object]]:
    return [{}] * tariff.LIST


def _page(*_: object, first: int | None = None, last: int | None = None) -> dict[str, object]:
    found = next((size for size in (first, last) if size is not None), LIMITS.page)
    size = max(0, min(found, LIMITS.largest_page))
    return {"size": size, "nodes": [{}] * size, "edges": [{"node": {}}] * size}


# ---------------------------------------------------------------- the law

Tree = list[Any]  # of the number of a fragment, or (field, size, Tree)
KINDS = {
    "thing": "thing {below}",
    "list": "list {below}",
    "nodes": "page{size} {{ size nodes {below} }}",
    "edges": "page{size} {{ edges {{ cursor node {below} }} }}",
}
SIZES = ["", "(first: 0)", "(first: 1)", "(last: 3)", "(first: 99)", "(first: $size)", "(first: $given)", "(last: $none)"]
trees: st.SearchStrategy[Tree] = st.recursive(
    st.just([]),
    lambda inner: st.lists(st.integers(0, 2) | st.tuples(st.sampled_from(sorted(KINDS)), st.sampled_from(SIZES), inner), max_size=3),
    max_leaves=5,
)
HEAD = "query ($size: Int = 3, $given: Int, $none: Int) "
GIVEN: dict[str, object] = {"given": 1, "none": None}


def written(tree: Tree, names: Iterator[int], fragments: list[Tree] | None) -> str:
    """A selection set in which no name occurs twice: a number stands for the text of an earlier fragment, or spreads it without any."""
    parts = [f"n{next(names)}: name"]
    for child in tree:
        match child:
            case (kind, size, below):
                parts.append(f"n{next(names)}: {KINDS[kind].format(size=size, below=written(below, names, fragments))}")
            case int() if fragments is None:
                parts.append(f"...F{child}")
            case int() if fragments and child < len(fragments):
                parts.append(f"... on Query {written(fragments[child], names, fragments[:child])}")
    return f"{{ {' '.join(parts)} }}"


def earlier_only(tree: Tree, most: int) -> Tree:
    """The same tree with spreads of earlier fragments only, so that none is cyclic."""
    kept = [child for child in tree if not isinstance(child, int) or child < most]
    return [child if isinstance(child, int) else (*child[:2], earlier_only(child[2], most)) for child in kept]


def cost_of(document: str, variables: dict[str, object] | None = None, made: GraphQLSchema | None = None) -> int:
    return OperationCost(made or world(), LIMITS, parse(document), None).points(variables or {})


def worth_of(data: object) -> int:
    """The points of what an answer holds: its fields, the elements of its lists, and its connections."""
    match data:
        case dict():
            of_connection = tariff.CONNECTION - tariff.FIELD if data.keys() & {"size", "edges"} else 0
            return of_connection + sum(tariff.FIELD + worth_of(value) for value in data.values())
        case list():
            return sum(tariff.ELEMENT + worth_of(value) for value in data)
    return 0


@settings(deadline=None)
@given(st.lists(trees, min_size=3, max_size=3), trees)
def test_an_operation_costs_what_its_answer_holds(fragments: list[Tree], operation: Tree) -> None:
    document = HEAD + written(operation, count(), fragments)
    result = execute_sync(world(), parse(document), {}, variable_values=GIVEN)
    assert isinstance(result, ExecutionResult)
    assert result.errors is None
    assert cost_of(document, GIVEN) == tariff.OPERATION + worth_of(result.data)


@settings(deadline=None)
@given(st.lists(trees, min_size=3, max_size=3), trees)
def test_fragments_cost_as_much_as_when_they_are_written_out(fragments: list[Tree], operation: Tree) -> None:
    acyclic = [earlier_only(tree, number) for number, tree in enumerate(fragments)]
    texts = [f"fragment F{number} on Query {written(tree, count(), None)}" for number, tree in enumerate(acyclic)]
    spread = HEAD + written(operation, count(), None) + " ".join(texts)
    assert cost_of(spread, GIVEN) == cost_of(HEAD + written(operation, count(), fragments), GIVEN)


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    ("size", "variables", "nodes"),
    [
        ("", {}, 2),
        ("(first: 5)", {}, 5),
        ("(last: 5)", {}, 5),
        ("(first: null)", {}, 2),
        ("(first: null, last: 4)", {}, 4),
        ("(first: -1)", {}, 0),
        ("(first: 1000)", {}, 7),
        ("(first: $n)", {}, 4),  # the variable's default
        ("(first: $n)", {"n": 1}, 1),
        ("(first: $n)", {"n": None}, 2),
        ("(first: $n)", {"n": 10**30}, 7),
        ("(first: $n)", {"n": True}, 2),
        ("(first: $n)", {"n": "x"}, 2),
        ("(first: $n)", {"n": {}}, 2),
    ],
)
def test_a_page_costs_as_many_nodes_as_it_may_hold(size: str, variables: dict[str, object], nodes: int) -> None:
    document = f"query ($n: Int = 4) {{ page{size} {{ nodes {{ name thing {{ name }} }} }} }}"
    assert cost_of(document, variables) == tariff.OPERATION + tariff.CONNECTION + 1 + (1 + 3) * nodes


def test_a_repeated_operation_is_priced_once_for_each_size() -> None:
    class Counted(OperationCost):
        reckoned = 0

        def _compute(self, given: Any, inputs: InputPricing) -> int:
            self.reckoned += 1
            return super()._compute(given, inputs)

    priced = Counted(world(), LIMITS, parse("query ($n: Int, $s: String) { page(first: $n) { nodes { name } } }"), None)
    found = [priced.points({"n": n, "s": s}) for n in (1, 5) for s in "abc"]
    assert found == [found[0]] * 3 + [found[0] + 2 * 4] * 3
    assert priced.reckoned == 2
    for n in range(3 * MOST_REMEMBERED):
        priced.points({"n": [n] * n})
    assert len(priced._known) == MOST_REMEMBERED


@pytest.mark.parametrize(
    ("query", "further"),
    [
        ("{ __typename }", 0),
        ("{ __typename name }", 1),
        ("query A { name } query B { thing { name } }", 0),  # which one is meant is told elsewhere
    ],
)
def test_every_operation_costs_something(query: str, further: int) -> None:
    assert cost_of(query) == tariff.OPERATION + further


def values_in(data: object) -> int:
    """How many values an answer of introspection holds, objects included."""
    match data:
        case dict():
            return 1 + sum(values_in(value) for value in data.values())
        case list():
            return sum(values_in(value) for value in data)
    return 1


@pytest.mark.parametrize(
    "query",
    [
        get_introspection_query(),
        "{ __schema { types { name } } }",
        "{ __schema { types { name fields { name args { name } } inputFields { name } enumValues { name } } } }",
        "{ __schema { directives { name args { name type { name } } } } }",
        "{ __schema { types { fields { type { fields { name } } } } } }",
    ],
)
def test_introspection_costs_about_as_much_as_it_returns(query: str) -> None:
    built = graphql_schema(schema())
    result = execute_sync(built, parse(query))
    assert isinstance(result, ExecutionResult)
    cost = OperationCost(built, DocumentLimits(), parse(query), None).points({}) - tariff.OPERATION
    assert 1 / 3 < cost * tariff.INTROSPECTED / values_in(result.data) < 6  # most types end before the last `ofType`


def test_a_tool_may_read_the_schema_each_second() -> None:
    query = get_introspection_query()
    cost = OperationCost(graphql_schema(schema()), DocumentLimits(), parse(query), None).points({})
    assert cost * 60 <= Settings.model_fields["rate_limit_points"].default


# ---------------------------------------------------------------- one pass


class Visits(Pricing):
    """Counts the selections that it prices."""

    count = 0

    def price_one(self, selection: SelectionNode, parent: GraphQLNamedType | None) -> Cost:
        self.count += 1
        return super().price_one(selection, parent)


def doubling(levels: int) -> str:
    fragments = [f"fragment F{n} on Query {{ a: thing {{ ...F{n + 1} }} b: thing {{ ...F{n + 1} }} }}" for n in range(levels)]
    return " ".join(["{ ...F0 }", *fragments, f"fragment F{levels} on Query {{ name }}"])


@pytest.mark.parametrize("levels", [10, 25, 50])
def test_each_selection_is_visited_once_however_often_its_fragment_is_spread(levels: int) -> None:
    definitions = parse(doubling(levels)).definitions
    (operation,) = (d for d in definitions if isinstance(d, OperationDefinitionNode))
    pricing = Visits(world(), LIMITS, {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}, {}, InputPricing({}))
    assert pricing.price_operation(operation) == min(MOST, 3 * 2**levels - 2)
    assert pricing.count == 2 + 4 * levels


# ---------------------------------------------------------------- the real schema


def real_cost(query: str, variables: dict[str, object] | None = None) -> int:
    return OperationCost(graphql_schema(schema()), DocumentLimits(), parse(query), None).points(variables or {})


PAGE = """
query ($first: Int) {
  contacts(first: $first) {
    totalCount pageInfo { hasNextPage endCursor }
    nodes {
      id email firstName lastName phone company city country spent customFields
      owner { name } tags { id name } groups { nodes { id name } }
    }
  }
}
"""


CRITERIA = "criteria: {contacts: {email: {isEmpty: true}}}"
CONDITION = 2 + tariff.CONDITION  # with an object around it and its value


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ viewer { role } }", 2),
        ("{ contacts { totalCount } }", tariff.CONNECTION + tariff.FIELDS["totalCount"]),
        ("{ contacts(first: 10) { nodes { id tags { name } } } }", tariff.CONNECTION + 1 + 10 * (1 + 2 + 10 * 2)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 1 + 3 + 3 * (tariff.ELEMENTS["Query.nodes"] + 1)),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", 1 + 2 + 2 * (tariff.ELEMENTS["Query.nodes"] + 1)),
        (f"{{ preview({CRITERIA}, sample: 5) {{ count sample {{ id }} }} }}", CONDITION + 150 + 5 * 2),
        (f"{{ preview({CRITERIA}) {{ sample {{ id }} }} }}", CONDITION + 100 + 10 * 2),
        ('mutation { createTag(input: {name: "x"}) { tag { id } } }', tariff.WRITE + 1 + 2),
        ("subscription { groupChanges(groupId: 1) { ... on MembersChanged { joined { id } } } }", 1 + 1 + 500 * 2),
    ],
)
def test_the_cost_of_typical_operations(query: str, cost: int) -> None:
    assert real_cost(query, {"ids": ["a", "b"]}) == tariff.OPERATION + cost


# ---------------------------------------------------------------- arguments

FIND = "query ($where: ContactCriteria) { contacts(where: $where) { totalCount } }"
FREE: dict[str, object] = {"where": None}


def found_for(where: Any) -> int:
    """The points of a condition."""
    return real_cost(FIND, {"where": where}) - real_cost(FIND, FREE)


def literal(value: Any) -> str:
    """A value as it is written in a document."""
    match value:
        case dict():
            return "{" + " ".join(f"{key}: {literal(held)}" for key, held in value.items()) + "}"
        case list():
            return "[" + " ".join(map(literal, value)) + "]"
    return json.dumps(value)


@settings(deadline=None, max_examples=50)
@given(criteria_world.documents)
def test_criteria_cost_the_same_in_the_document_as_in_a_variable(document: Any) -> None:
    in_variable = real_cost("query ($c: CriteriaInput!) { preview(criteria: $c) { count } }", {"c": document})
    assert real_cost(f"{{ preview(criteria: {literal(document)}) {{ count }} }}") == in_variable


@pytest.mark.parametrize(
    ("where", "cost"),
    [
        ({"city": {"equals": ["a", "b"]}}, tariff.CONDITION + 3),
        ({"city": {"contains": ["a", "b"]}}, tariff.CONDITION + 1 + 2 * tariff.PATTERN),
        ({"city": {"contains": "a"}}, tariff.CONDITION + tariff.PATTERN),
        ({"city": {"startsWith": ["a", "b"]}}, tariff.CONDITION + 1 + 2 * tariff.PREFIX),
        ({"address": {"startsWith": ["a", "b"]}}, tariff.CONDITION + 1 + 2 * tariff.SLOW_PREFIX),
        ({"any": [{"city": {"equals": ["a"]}}] * 3}, 1 + 3 * (1 + tariff.CONDITION + 2)),
        ({"tags": {"containsAny": [{"name": "a"}]}}, tariff.ATTACHED + 3),
        ({"custom": {"key": "k", "text": {"equals": ["a"]}}}, tariff.RELATED + 1 + tariff.CONDITION + 2),
        ({"birthday": {"anniversary": {"today": True}}}, tariff.CONDITION + tariff.ANNIVERSARY + 1 + 9 * tariff.RELATED_SQUARED),
        ({"appointments": {"some": {"title": {"equals": ["a"]}}}}, tariff.RELATED + 1 + tariff.CONDITION + 2 + tariff.RELATED_SQUARED),
        ({"all": [{"appointments": {"atLeast": {"count": 2}}}] * 3}, 1 + 3 * (tariff.RELATED + 3) + 9 * tariff.RELATED_SQUARED),
        ({"city": {"equals": ["x" * 5_000]}}, tariff.CONDITION + 2 + 5),
    ],
)
def test_a_condition_costs_what_it_makes_the_database_do(where: Any, cost: int) -> None:
    assert found_for(where) == cost


def test_a_variable_costs_what_it_means_where_it_stands() -> None:
    query = "query ($texts: [String!]) { contacts(where: {city: {OPERATOR: $texts}}) { totalCount } }"
    given: dict[str, object] = {"texts": ["a", "b", "c"]}
    equals, contains = (real_cost(query.replace("OPERATOR", operator), given) for operator in ("equals", "contains"))
    assert contains - equals == 3 * (tariff.PATTERN - tariff.VALUE)


def test_a_repeated_operation_is_priced_by_the_variables_of_each_request() -> None:
    priced = OperationCost(graphql_schema(schema()), DocumentLimits(), parse(FIND), None)
    small, large = {"city": {"equals": ["a"]}}, {"city": {"contains": ["a"] * 100}}
    requests: list[dict[str, object]] = [{}, {"where": small}, {"where": large}, {"where": None}, {"where": small}]
    extra = (0, tariff.CONDITION + 2, tariff.CONDITION + 1 + 100 * tariff.PATTERN, 0, tariff.CONDITION + 2)
    assert [priced.points(variables) - real_cost(FIND, FREE) for variables in requests] == list(extra)


class Read(list[str]):
    """A list that counts how often it is read."""

    times = 0

    def __iter__(self) -> Iterator[str]:
        self.times += 1
        return super().__iter__()


def test_a_variable_is_priced_once_however_often_it_is_used() -> None:
    texts = Read(["a", "b"])
    uses = " ".join(f"n{number}: contacts(where: {{city: {{equals: $texts}}}}) {{ totalCount }}" for number in range(50))
    once = real_cost("query ($texts: [String!]) { contacts(where: {city: {equals: $texts}}) { totalCount } }", {"texts": texts})
    before = texts.times
    assert real_cost(f"query ($texts: [String!]) {{ {uses} }}", {"texts": texts}) == 50 * (once - tariff.OPERATION) + tariff.OPERATION
    assert texts.times - before == before


def test_tags_cost_as_many_points_as_contacts_may_get() -> None:
    query = "mutation ($ids: [ID!]!, $tags: [TagRef!]!) { addTags(input: {contactIds: $ids, tags: $tags}) { changed } }"
    found = {count: real_cost(query, {"ids": ["x"] * count, "tags": [{"name": "x"}] * 10}) for count in (100, 1_000)}
    assert found[1_000] - found[100] == 900 * (10 + tariff.OPERANDS["TagContactsInput.contactIds"])
    mixed = OperationCost(graphql_schema(schema()), DocumentLimits(), parse(query), None)
    assert [mixed.points({"ids": ["x"] * count, "tags": [{"name": "x"}] * 10}) for count in (100, 1_000)] == list(found.values())


@pytest.mark.parametrize(
    "where",
    [
        {"city": {"contains": ["x"] * 20_000}},
        {"any": [{"birthday": {"anniversary": {"withinNextDays": days}}} for days in range(1, 121)]},
        {"any": [{"appointments": {"some": {"title": {"contains": ["x"]}}}}] * 120},
        {"any": [{"address": {"startsWith": ["x"] * 1_000}}] * 5},
    ],
)
async def test_criteria_that_read_everything_again_and_again_cost_too_much(owner: Context, where: Any) -> None:
    found = await answer(owner, FIND, {"where": where})
    assert found["data"] is None
    (error,) = found["errors"]
    assert error["extensions"]["cost"]["requested"] > DocumentLimits().cost
    assert "send fewer conditions or values" in error["message"]


MUCH = {"all": [{key: {"equals": [f"{number}" for number in range(1_000)]}} for key in ("city", "country", "company", "status", "email")]}


async def test_criteria_with_five_conditions_of_a_thousand_values_are_answered_and_saved(owner: Context) -> None:
    assert await ask(owner, FIND, where=MUCH) == {"contacts": {"totalCount": 0}}
    create = """
    mutation ($c: CriteriaInput!) { createGroup(input: {name: "Much", criteria: $c}) { group { memberCount } userErrors { path } } }
    """
    made = await ask(owner, create, c={"contacts": MUCH})
    assert made["createGroup"] == {"group": {"memberCount": 0}, "userErrors": []}
    assert real_cost(FIND, {"where": MUCH}) * 50 < Settings.model_fields["rate_limit_points"].default


async def test_the_largest_page_of_contacts_with_tags_and_groups_is_allowed(owner: Context) -> None:
    found = await answer(owner, PAGE, {"first": 250})
    assert "errors" not in found
    assert real_cost(PAGE, {"first": 250}) <= DocumentLimits().cost / 3


def test_a_full_import_with_every_field_five_custom_values_and_five_tags_in_each_row_is_allowed() -> None:
    fields = dict.fromkeys(graphql_schema(schema()).type_map["ContactFields"].fields, "x")  # type: ignore[attr-defined]  # it is an input type
    custom, tags = {f"key{number}": "x" for number in range(5)}, [{"name": str(number)} for number in range(5)]
    row = {"fields": {**fields, "customFields": custom}, "tags": tags, "createMissingTags": True}
    variables: dict[str, object] = {"input": {"rows": [row] * MOST_ROWS}}
    assert count_values(variables, DocumentLimits().values) <= DocumentLimits().values
    query = "mutation ($input: ImportContactsInput!) { importContacts(input: $input) { created userErrors { path } } }"
    assert real_cost(query, variables) <= DocumentLimits().cost / 2


DEEP = "{ contacts(first: 250) { nodes { groups(first: 250) { nodes { members(first: 250) { nodes { id } } } } } } }"


async def test_an_operation_that_costs_too_much_is_not_begun(owner: Context) -> None:
    query = DEEP
    found = await answer(owner, query)
    assert found["data"] is None
    (error,) = found["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "cost": {"requested": real_cost(DEEP), "limit": 250_000}}
    assert "ask for smaller pages" in error["message"]


def test_the_documented_example_costs_what_the_page_says() -> None:
    page = (DOCS / "limits.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```graphql\n(query .*?)```", page, re.DOTALL)
    variables: dict[str, object] = {"first": 250, "cities": ["Bonn", "Rome", "Oslo"]}
    assert f" = {real_cost(example, variables):,} points" in page
    search = '{ contacts(where: {company: {contains: ["a", "b"]}}) { nodes { id } } }'
    assert 550 < real_cost(search) < 650


# ---------------------------------------------------------------- paying


class Purse:
    """Notes what is paid."""

    def __init__(self) -> None:
        self.paid: list[int] = []

    async def take(self, cost: int) -> None:
        self.paid.append(cost)

    async def standing(self) -> Any:
        raise AssertionError("nobody asked")

    def require(self) -> None:
        """There is always enough."""


@pytest.mark.parametrize(
    ("query", "paid"),
    [
        ("{ viewer { role } }", tariff.OPERATION + 2),
        ("{ __typename }", tariff.OPERATION),
        ("{ nothing }" + " " * 989, 1_000 // tariff.REFUSED_CHARACTERS),
        ("{ nothing" + " " * 991, 1_000 // tariff.REFUSED_CHARACTERS),
        (DEEP, len(DEEP) // tariff.REFUSED_CHARACTERS),
    ],
)
async def test_an_operation_is_paid_once_before_it_runs_and_a_refused_document_by_its_length(owner: Context, query: str, paid: int) -> None:
    purse = Purse()
    owner.allowance = Allowance(purse)
    await answer(owner, query)
    assert purse.paid == [paid]


async def test_without_a_limit_there_is_no_rate_limit_to_read(owner: Context) -> None:
    assert await ask(owner, "{ rateLimit { cost } }") == {"rateLimit": None}
