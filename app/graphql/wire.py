"""What crosses the wire: JSON, the request that a client sends, and the answers that it gets for it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import orjson
from strawberry.schema import BaseSchema
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from models.errors import BadInput
from schema.errors import as_graphql

Answer = dict[str, object]
ANY_OPERATION = frozenset(OperationType)


class Context(Protocol):
    """What resolvers are given; of it the transport needs only the token that the operation runs on."""

    @property
    def token_id(self) -> int:
        """The token's id."""


Authenticate = Callable[[str | None], Awaitable[Context]]
"""From the value of an Authorization header to a fresh context; raises Unauthenticated."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One GraphQL request, well-formed."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8, on one line."""
    return orjson.dumps(value)


def decode(text: bytes) -> object:
    """The value of a JSON text in UTF-8; nesting beyond 1,024 levels and lone surrogates are refused like bad syntax."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadInput("Send valid JSON in UTF-8.") from None


def asked(value: object) -> Asked:
    """The request that a JSON value stands for."""
    if isinstance(value, list):
        raise BadInput("Send one request at a time: batches are not supported.")
    if not isinstance(value, dict) or not isinstance(value.get("query"), str) or not value["query"]:
        raise BadInput('Send a JSON object whose "query" is a GraphQL document.')
    _optional(value, "extensions", dict)
    return Asked(value["query"], _optional(value, "variables", dict), _optional(value, "operationName", str))


def _optional(request: dict[str, Any], key: str, kind: type) -> Any:
    value = request.get(key)
    if value is not None and not isinstance(value, kind):
        raise BadInput(f'"{key}" must be {"a string" if kind is str else "an object"}, null or absent.')
    return value


async def answers(
    schema: BaseSchema, request: Asked, context: Context, *, kinds: Collection[OperationType]
) -> AsyncGenerator[Answer, None]:
    """Run the request: one answer for a query or mutation, and as many as its source has for a subscription."""
    results = await schema.stream(
        request.query,
        variable_values=request.variables,
        context_value=context,
        operation_name=request.operation_name,
        allowed_operation_types=kinds,
    )
    async with aclosing(results):
        async for result in results:
            if isinstance(result, ExecutionResult):  # always: incremental delivery is not enabled
                yield _answer(result)


def _answer(result: ExecutionResult) -> Answer:
    """The answer as the specification words it: no `data` entry if execution never began."""
    errors = result.errors or []
    answer: Answer = {"errors": [error.formatted for error in errors]} if errors else {}
    if result.data is not None or any(error.path for error in errors):
        answer["data"] = result.data
    return answer


def failure(error: Exception) -> Answer:
    """The answer to a request that an error kept from running."""
    return {"errors": [as_graphql(error).formatted]}
