"""Scoped by construction: a resolver reaches rows through the caller's scope, or names the account in the query itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import models

RESOLVERS = Path(__file__).parent.parent / "resolvers"
MODELS = {name for name in models.__all__ if hasattr(getattr(models, name), "_meta")}
QUERIES = {"all", "exclude", "exists", "filter", "first", "get", "get_or_none", "in_bulk", "latest", "raw", "select_for_update"}
SCOPE = "operation/scope.py"  # makes the scoped query sets
BY_GROUP = {"GroupEvent", "GroupMember"}  # reached by the id of a group or of its set: their indexes do not hold the account
READERS = {"membership/rebuilding/scan.py", "membership/rebuilding/verify.py"}  # read those for a group of the account that they work for


def direct_queries(source: str) -> Iterator[tuple[int, str, str]]:
    """Each query that starts from a model and does not name the account: its line, the model and the method."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=model), attr=query), keywords=keywords) if (
                model in MODELS and query in QUERIES
            ):
                if not any(keyword.arg == "account_id" for keyword in keywords):
                    yield node.lineno, model, query


def test_no_resolver_starts_a_query_from_a_model_without_naming_the_account() -> None:
    files = {str(path.relative_to(RESOLVERS)): path for path in RESOLVERS.rglob("*.py")}
    assert len(files) > 100  # every room is looked into
    found = {
        (name, query)
        for name, path in files.items()
        for query in direct_queries(path.read_text())
        if name != SCOPE and not (name in READERS and query[1] in BY_GROUP)
    }
    assert found == set()


def test_a_query_that_starts_from_a_model_is_noticed() -> None:
    assert list(direct_queries("async def f():\n    return await Contact.filter(id=1)")) == [(2, "Contact", "filter")]
    assert list(direct_queries("async def f():\n    return await Contact.filter(account_id=1, id=1)")) == []
    assert len(MODELS) > 10
