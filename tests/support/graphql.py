"""Asking the schema as a client does, without a transport."""

from functools import cache
from typing import Any

from strawberry.types import ExecutionResult

from app.composition import PRODUCT
from resolvers.operation.context import Context
from schema.errors import MusterSchema
from schema.limits import DocumentLimits

ROOMY = DocumentLimits(
    characters=100_000_000, tokens=1_000_000, values=100_000_000, depth=1_000, aliases=1_000, fields=1_000_000, comparisons=1_000_000_000
)


@cache
def schema() -> MusterSchema:
    """The schema, built once, for documents of any size."""
    return PRODUCT.schema(ROOMY)


async def answer(context: Context, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    """The whole answer: `data`, and `errors` if there are any."""
    context.forget()
    result = await schema().execute(query, variable_values=variables, context_value=context)
    assert isinstance(result, ExecutionResult)
    return formatted(result)


def formatted(result: ExecutionResult) -> dict[str, Any]:
    """An answer as clients read it."""
    errors = [error.formatted for error in result.errors or []]
    return {"data": result.data, **({"errors": errors} if errors else {})}


async def ask(context: Context, query: str, **variables: Any) -> dict[str, Any]:
    """The data of an answer without errors."""
    found = await answer(context, query, variables)
    assert "errors" not in found, found["errors"]
    data: dict[str, Any] = found["data"]
    return data
