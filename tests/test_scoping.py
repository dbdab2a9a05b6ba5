"""Scoped by construction: a resolver reaches rows through the caller's scope, and through nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

import models

RESOLVERS = Path(__file__).parent.parent / "resolvers"
MODELS = {name for name in models.__all__ if hasattr(getattr(models, name), "_meta")}
QUERIES = {"all", "exclude", "exists", "filter", "first", "get", "get_or_none", "in_bulk", "latest", "raw", "select_for_update"}
SYSTEM = {"scope.py"}  # makes the scoped query sets; rooms below work for an account that they are given


def direct_queries(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=model), attr=query)) if model in MODELS and query in QUERIES:
                yield f"line {node.lineno}: {model}.{query}"


def test_no_noun_starts_a_query_from_a_model() -> None:
    found = {path.name: list(direct_queries(path.read_text())) for path in RESOLVERS.glob("*.py") if path.name not in SYSTEM}
    assert {name: queries for name, queries in found.items() if queries} == {}


def test_a_query_that_starts_from_a_model_is_noticed() -> None:
    assert list(direct_queries("async def f():\n    return await Contact.filter(id=1)")) == ["line 2: Contact.filter"]
    assert len(MODELS) > 10
