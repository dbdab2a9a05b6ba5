"""What operations cost: as many points as their answers may hold values, found out in one pass and before anything runs."""

from collections.abc import Iterator
from functools import cache
from itertools import count
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

from resolvers.operation.allowance import Allowance
from resolvers.operation.context import Context
from resolvers.records.imports import MOST_ROWS
from schema.cost import LIST, MOST, MOST_REMEMBERED, Cost, OperationCost, Pricing
from schema.documents import CHARACTERS, holds_more
from schema.limits import DocumentLimits
from schema.strawberry_adapter import graphql_schema
from tests.support.graphql import answer, ask, schema

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
    return [{}] * LIST


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


def values_in(data: object) -> int:
    """How many fields an answer holds."""
    match data:
        case dict():
            return sum(1 + values_in(value) for value in data.values())
        case list():
            return sum(values_in(value) for value in data)
    return 0


@settings(deadline=None)
@given(st.lists(trees, min_size=3, max_size=3), trees)
def test_an_operation_costs_as_many_points_as_its_answer_holds_values(fragments: list[Tree], operation: Tree) -> None:
    document = HEAD + written(operation, count(), fragments)
    result = execute_sync(world(), parse(document), {}, variable_values=GIVEN)
    assert isinstance(result, ExecutionResult)
    assert result.errors is None
    assert cost_of(document, GIVEN) == values_in(result.data)


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
        ("(first: $n)", {"n": {"x": 1}}, 2),
    ],
)
def test_a_page_costs_as_many_nodes_as_it_may_hold(size: str, variables: dict[str, object], nodes: int) -> None:
    document = f"query ($n: Int = 4) {{ page{size} {{ nodes {{ name thing {{ name }} }} }} }}"
    assert cost_of(document, variables) == 2 + 3 * nodes


def test_a_repeated_operation_is_priced_once_for_each_size() -> None:
    class Counted(OperationCost):
        reckoned = 0

        def _compute(self, given: Any) -> int:
            self.reckoned += 1
            return super()._compute(given)

    tariff = Counted(world(), LIMITS, parse("query ($n: Int, $s: String) { page(first: $n) { nodes { name } } }"), None)
    assert [tariff.points({"n": n, "s": s}) for n in (1, 5) for s in "abc"] == [3, 3, 3, 7, 7, 7]
    assert tariff.reckoned == 2
    for n in range(3 * MOST_REMEMBERED):
        tariff.points({"n": [n] * n})
    assert len(tariff._known) == MOST_REMEMBERED


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ __schema { types { name fields { name } } } }", 1),
        (get_introspection_query(), 1),
        ("{ __typename name }", 1),
        ("query A { name } query B { thing { name } }", 1),  # which one is meant is told elsewhere
    ],
)
def test_what_reads_nothing_costs_the_least(query: str, cost: int) -> None:
    assert cost_of(query) == cost


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
    pricing = Visits(world(), LIMITS, {d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}, {})
    assert pricing.price_operation(operation) == min(MOST, 3 * 2**levels - 2)
    assert pricing.count == 2 + 4 * levels


# ---------------------------------------------------------------- the real schema


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


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ viewer { role } }", 2),
        ("{ contacts { totalCount } }", 11),
        ("{ contacts(first: 10) { nodes { id tags { name } } } }", 2 + 10 * (2 + 10)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', 4),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", 3),
        ("{ preview(criteria: {contacts: {email: {isEmpty: true}}}, sample: 5) { count sample { id } } }", 100 + 2 + 5),
        ("{ preview(criteria: {contacts: {email: {isEmpty: true}}}) { sample { id } } }", 100 + 1 + 10),
        ('mutation { createTag(input: {name: "x"}) { tag { id } } }', 12),
        ("{ contacts(first: 250) { nodes { groups(first: 250) { nodes { members(first: 250) { nodes { id } } } } } } }", 15_750_502),
    ],
)
def test_the_cost_of_typical_operations(query: str, cost: int) -> None:
    assert OperationCost(graphql_schema(schema()), DocumentLimits(), parse(query), None).points({"ids": ["a", "b"]}) == cost


async def test_the_largest_page_of_contacts_with_tags_and_groups_is_allowed(owner: Context) -> None:
    found = await answer(owner, PAGE, {"first": 250})
    assert "errors" not in found
    assert OperationCost(graphql_schema(schema()), DocumentLimits(), parse(PAGE), None).points({"first": 250}) <= DocumentLimits().cost / 3


def test_a_full_import_with_every_field_five_custom_values_and_five_tags_in_each_row_is_allowed() -> None:
    fields = dict.fromkeys(graphql_schema(schema()).type_map["ContactFields"].fields, "x")  # type: ignore[attr-defined]  # it is an input type
    custom, tags = {f"key{number}": "x" for number in range(5)}, [{"name": str(number)} for number in range(5)]
    row = {"fields": {**fields, "customFields": custom}, "tags": tags, "createMissingTags": True}
    assert not holds_more({"input": {"rows": [row] * MOST_ROWS}}, DocumentLimits().values)


async def test_an_operation_that_costs_too_much_is_not_begun(owner: Context) -> None:
    query = "{ contacts(first: 250) { nodes { groups(first: 250) { nodes { members(first: 250) { nodes { id } } } } } } }"
    found = await answer(owner, query)
    assert found["data"] is None
    (error,) = found["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "cost": {"requested": 15_750_502, "limit": 250_000}}
    assert "ask for smaller pages" in error["message"]


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
        ("{ viewer { role } }", 2),
        ("{ __typename }", 1),
        ("{ nothing }" + " " * 989, 1_000 // CHARACTERS),
        ("{ nothing" + " " * 991, 1_000 // CHARACTERS),
        ("{ contacts(first: 250) { nodes { groups(first: 250) { nodes { members { nodes { id } } } } } } }", None),
    ],
)
async def test_an_operation_is_paid_once_before_it_runs_and_a_refused_document_by_its_length(
    owner: Context, query: str, paid: int | None
) -> None:
    purse = Purse()
    owner.allowance = Allowance(purse)
    await answer(owner, query)
    assert purse.paid == ([] if paid is None else [paid])


async def test_without_a_limit_there_is_no_rate_limit_to_read(owner: Context) -> None:
    assert await ask(owner, "{ rateLimit { cost } }") == {"rateLimit": None}
