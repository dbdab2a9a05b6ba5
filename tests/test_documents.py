"""What documents may ask for, and how errors are told: laws and examples on a small schema, without a transport."""

import asyncio

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, get_introspection_query, parse
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.types import ExecutionResult
from structlog.testing import capture_logs

from schema.documents import COUNTED, MOST_REMEMBERED, DocumentCheck
from schema.errors import LONGEST_MESSAGE
from schema.limits import DocumentLimits
from schema.weight import Weight, WeightCounter
from tests.support.transport_server import DEADLINE, Context, Probe, small_schema

Tree = list["Tree | int"]
trees: st.SearchStrategy[Tree] = st.recursive(st.just([]), lambda inner: st.lists(st.integers(0, 3) | inner, max_size=3), max_leaves=8)


def written(tree: Tree, fragments: list[Tree] | None = None) -> str:
    """A selection set: a list is an aliased field, a number spreads that fragment (or stands for its text, if they are given)."""
    parts = ["hello"]
    for child in tree:
        if isinstance(child, list):
            parts.append(f"a: item {written(child, fragments)}")
        else:
            parts.append(f"...F{child}" if fragments is None else f"... on Query {written(fragments[child], fragments[:child])}")
    return f"{{ {' '.join(parts)} }}"


def earlier_only(tree: Tree, most: int) -> Tree:
    """The same tree with spreads of earlier fragments only, so that none is cyclic."""
    return [earlier_only(child, most) if isinstance(child, list) else child for child in tree if isinstance(child, list) or child < most]


def weight(document: str) -> Weight:
    definitions = parse(document).definitions
    (operation,) = (d for d in definitions if isinstance(d, OperationDefinitionNode))
    return WeightCounter({d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)}).weigh(operation.selection_set)


@settings(deadline=None)
@given(st.lists(trees, min_size=4, max_size=4), trees)
def test_a_document_weighs_as_much_as_with_its_fragments_written_out(fragments: list[Tree], operation: Tree) -> None:
    acyclic = [earlier_only(tree, number) for number, tree in enumerate(fragments)]
    spread = written(operation) + "".join(f" fragment F{number} on Query {written(tree)}" for number, tree in enumerate(acyclic))
    assert weight(spread) == weight(written(operation, acyclic))


async def run(query: str, limits: DocumentLimits | None = None, variables: dict[str, object] | None = None) -> ExecutionResult:
    async with asyncio.timeout(DEADLINE):
        return await small_schema(limits).execute(query, variable_values=variables, context_value=Context(1, 0, Probe()))


async def told(query: str, limits: DocumentLimits | None = None, variables: dict[str, object] | None = None) -> list[tuple[str, str]]:
    """The errors of a query, as (code, message)."""
    errors = (await run(query, limits, variables)).errors or []
    return [((error.extensions or {})["code"], error.message) for error in errors]


def doubling(levels: int) -> str:
    fragments = [f"fragment F{level} on Item {{ item {{ ...F{level + 1} }} a: item {{ ...F{level + 1} }} }}" for level in range(levels)]
    return " ".join(["{ item { ...F0 } }", *fragments, f"fragment F{levels} on Item {{ name }}"])


@pytest.mark.parametrize("levels", [25, 90, 110, 250])
async def test_fragments_that_double_at_every_level_are_refused_at_once(levels: int) -> None:
    errors = await told(doubling(levels))
    assert {code for code, _ in errors} == {"GRAPHQL_VALIDATION_FAILED"}


@pytest.mark.parametrize(
    ("query", "limits", "said"),
    [
        ("{ item { item { item { name } } } }", DocumentLimits(depth=3), "is nested 4 levels deep, and at most 3"),
        ("{ a: hello b: hello c: hello }", DocumentLimits(aliases=2), "has 3 aliases, and at most 2"),
        ("{ item { name } hello }", DocumentLimits(fields=2), "selects 3 fields, and at most 2"),
        ("{ hello }", DocumentLimits(tokens=2), "more than 2 tokens"),
        ("{ hello } # comment", DocumentLimits(characters=18), "has 19 characters, and at most 18"),
    ],
)
async def test_each_limit_is_told_with_what_was_found(query: str, limits: DocumentLimits, said: str) -> None:
    ((_, message),) = await told(query, limits)
    assert said in message


@pytest.mark.parametrize("options", [{}, {"specified_by_url": True, "input_value_deprecation": True, "schema_description": True}])
async def test_introspection_is_within_the_limits(options: dict[str, bool]) -> None:
    assert await told(get_introspection_query(**options)) == []


@pytest.mark.parametrize("value", [[0] * 10, [[[[0] * 3] * 2]], {"a": {"b": [1, 2, {"c": [None] * 6}]}}])
async def test_variables_may_hold_only_so_many_values(value: object) -> None:
    query, variables = "query ($v: JSON!) { echo(value: $v) }", {"v": value}
    assert await told(query, DocumentLimits(values=15), variables) == []
    for _ in range(2):
        ((code, message),) = await told(query, DocumentLimits(values=10), variables)
        assert (code, "more than 10 values" in message) == ("BAD_USER_INPUT", True)


async def test_introspection_may_not_nest_lists_for_ever() -> None:
    assert await told("{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }")


@pytest.mark.parametrize(
    "query", ["{ ...A } fragment A on Query { ...A }", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"]
)
async def test_cyclic_fragments_are_reported(query: str) -> None:
    assert [code for code, _ in await told(query)] == ["GRAPHQL_VALIDATION_FAILED"]


async def test_very_long_chains_of_fragments_are_refused() -> None:
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(1_000))
    assert await told(f"{{ ...F0 }} {chain} fragment F1000 on Query {{ hello }}")


@pytest.mark.parametrize(
    "document", ["{" + " hello" * 400 + "}", "{" + " ...{hello}" * 400 + "}", "{" + " a: item{b: item{name}}" * 250 + "}"]
)
async def test_a_document_that_says_the_same_again_and_again_is_refused(document: str) -> None:
    assert "The document repeats the same names too often: split it into several requests." in [
        message for _, message in await told(document)
    ]


async def test_a_document_of_any_complexity_is_answered() -> None:
    unlimited = DocumentLimits(tokens=10**5, depth=10**5, fields=10**5, comparisons=10**9)
    ((_, message),) = await told("{" + " hello" * 9_900 + "}", unlimited)
    assert message.startswith("The document is too complex")


def test_remembered_documents_are_bounded_by_their_characters_together() -> None:
    check = DocumentCheck(DocumentLimits())
    long = [f"{{ hello{number}{' ' * (4 * COUNTED - 20)} }}" for number in range(MOST_REMEMBERED)]
    for query in long:
        check.remember(query, parse(query))
    assert sum(check.recall(query) is not None for query in long) == MOST_REMEMBERED // 4


async def test_remembered_documents_are_bounded_and_answer_the_same() -> None:
    check = DocumentCheck(DocumentLimits())
    for number in range(MOST_REMEMBERED + 10):
        check.remember(f"{{ hello{number} }}", parse("{ hello }"))
    assert [check.recall(f"{{ hello{number} }}") is not None for number in (9, 10)] == [False, True]
    check.remember("{" + " hello" * 5_000 + "}", parse("{ hello }"))
    assert check.recall("{" + " hello" * 5_000 + "}") is None

    schema, context = small_schema(), Context(1, 0, Probe())
    several = "The document has several operations: name the one to run in `operationName`."
    unknown = "Cannot query field 'no' on type 'Query'."
    for _ in range(3):
        assert (await schema.execute("{ hello }", context_value=context)).data == {"hello": "world"}
        for query, message in (("query A { hello } query B { hello }", several), ("{ no }", unknown)):
            result = await schema.execute(query, context_value=context)
            assert [error.message for error in result.errors or []] == [message]


@pytest.mark.parametrize(
    ("kind", "code", "message"),
    [
        ("input", "BAD_USER_INPUT", "Write it so."),
        ("missing", "NOT_FOUND", "No such tag."),
        ("role", "FORBIDDEN", "Ask an admin."),
    ],
)
async def test_errors_of_the_tree_keep_their_code_and_message(kind: str, code: str, message: str) -> None:
    assert await told("query ($kind: String!) { fail(kind: $kind) }", variables={"kind": kind}) == [(code, message)]


@pytest.mark.parametrize("query", ['{ fail(kind: "") }', "{ tooLarge }"])
async def test_a_defect_is_logged_and_masked_under_one_id(query: str) -> None:
    with capture_logs() as logs:
        result = await run(query)
    (error,) = result.errors or []
    (entry,) = logs
    assert error.extensions == {"code": "INTERNAL_SERVER_ERROR", "errorId": entry["error_id"]}
    assert error.message == f"Something went wrong on our side. Quote error id {entry['error_id']} when you report it."
    assert isinstance(entry["exc_info"], Exception)
    assert entry["exc_info"].__traceback__ is not None
    assert entry["path"] == error.path
    assert error.original_error is None


@pytest.mark.parametrize(
    "query",
    [
        "{ helo }",
        "{ double(numbr: 1) }",
        "{ hello @skp(if: true) }",
        "query ($t: Tre) { grow(tree: $t) }",
        "{ grow(tree: {belo: null}) }",
        "{ ... on Quer { hello } }",
        "{ item }",
    ],
)
async def test_no_name_is_suggested_to_those_who_do_not_know_it(query: str) -> None:
    errors = await told(query)
    assert errors
    assert not any("Did you mean" in message for _, message in errors)


async def test_no_name_is_suggested_for_a_variable() -> None:
    ((code, message),) = await told("query ($tree: Tree!) { grow(tree: $tree) }", variables={"tree": {"belo": None}})
    assert (code, "Did you mean" in message, "belo" in message) == ("BAD_USER_INPUT", False, True)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{" + " ".join(f"no{n}" for n in range(100)) + "}", {}),
        ("{" + " ".join(f" a{n}: double(number: {n}) @skip" for n in range(49)) + "}", {}),
        ("query ($trees: Tree!) { grow(tree: $trees) }", {"trees": {f"x{n}": n for n in range(100)}}),
        ("{" + " ".join(f'a{n}: fail(kind: "input")' for n in range(49)) + "}", {}),
    ],
)
async def test_an_answer_names_at_most_twenty_errors(query: str, variables: dict[str, object]) -> None:
    errors = await told(query, variables=variables)
    assert len(errors) == 20


async def test_a_long_value_is_not_repeated_in_full() -> None:
    ((code, message),) = await told("query ($tree: Tree!) { grow(tree: $tree) }", variables={"tree": {"x" * 10**5: None}})
    assert (code, len(message), message[-1]) == ("BAD_USER_INPUT", LONGEST_MESSAGE + 1, "…")


async def test_an_argument_that_its_variable_leaves_null_is_bad_input() -> None:
    ((code, message),) = await told("query ($n: Int = 1) { double(number: $n) }", variables={"n": None})
    assert (code, message.startswith("Argument 'number'")) == ("BAD_USER_INPUT", True)


async def test_a_failure_in_a_stream_is_masked() -> None:
    stream = await small_schema().subscribe("subscription { breaks }", context_value=Context(1, 0, Probe()))
    with capture_logs() as logs:
        results = [result async for result in stream]
    assert [(result.data or {}).get("breaks") for result in results] == [1, None]
    (error,) = results[1].errors or []
    assert "secret" not in error.message
    assert len(logs) == 1
