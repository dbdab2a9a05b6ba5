"""What crosses the wire: JSON, the request that a client sends, and the answers that it receives."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Protocol

import orjson
from graphql import GraphQLError, GraphQLFormattedError

from models.errors import BadInput, DeadlineExceeded
from resolvers.operation.answer_bytes import AnswerBytes
from resolvers.operation.context import Caller
from schema.errors import INTERNAL, UNAVAILABLE, as_graphql

FAULTS = frozenset(
    {INTERNAL, UNAVAILABLE, DeadlineExceeded.code}
)  # codes of errors of the server: the same request may succeed the next time


class Context(Protocol):
    """What the transport needs of the context that resolvers are given."""

    @property
    def token_id(self) -> int:
        """The access token that the client authenticated with."""

    @property
    def caller(self) -> Caller:
        """The user who sent the operation."""

    answer: AnswerBytes
    """The bytes of the answer that is being put together."""

    def forget(self) -> None:
        """Drop everything read so far, so that the next event is answered with fresh values."""

    def stop_reading(self) -> None:
        """Cancel what is being read for an operation whose client has gone."""


Authenticate = Callable[[str | None, str], Awaitable[Context]]
"""From the value of an Authorization header and the client's address to a fresh context. Raises Unauthenticated or RateLimited."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """One well-formed GraphQL request."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as JSON, ready to be sent to any number of clients."""

    text: str
    errors: Sequence[GraphQLFormattedError] | None
    """Why there is no data: execution never began, or the answer to an event is spoilt by a fault. None if there may be data."""
    codes: tuple[str, ...] = ()
    """The codes of its errors, for metrics."""

    @property
    def size(self) -> int:
        """The bytes that it takes in memory."""
        return getsizeof(self.text)

    @property
    def is_faulty(self) -> bool:
        """Whether it names a fault of the server."""
        return not FAULTS.isdisjoint(self.codes)


Answers = AsyncGenerator[Answer, None]


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8, on one line."""
    return orjson.dumps(value)


def decode(text: bytes) -> object:
    """The value of a JSON text in UTF-8. Nesting beyond 1,024 levels and lone surrogates are refused like bad syntax."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise BadInput("Send valid JSON in UTF-8.") from None


def read_request(value: object) -> GraphQLRequest:
    """Check the JSON value of a request and return the request. Raises `BadInput`."""
    if isinstance(value, list):
        raise BadInput("Send one request at a time: batches are not supported.")
    if not isinstance(value, dict) or not isinstance(value.get("query"), str) or not value["query"]:
        raise BadInput('Send a JSON object whose "query" is a GraphQL document.')
    _optional(value, "extensions", dict)
    return GraphQLRequest(value["query"], _optional(value, "variables", dict), _optional(value, "operationName", str))


def _optional(request: dict[str, Any], key: str, kind: type) -> Any:
    value = request.get(key)
    if value is not None and not isinstance(value, kind):
        raise BadInput(f'"{key}" must be {"a string" if kind is str else "an object"}, null or absent.')
    return value


def answer_of(data: object, errors: Sequence[GraphQLError] | None, extensions: Mapping[str, object] | None = None) -> Answer:
    """The answer as the specification wants it: without a `data` entry if execution never began."""
    if errors and data is None and not any(error.path for error in errors):
        return refusal_of(errors)
    named = {"errors": [error.formatted for error in errors]} if errors else {}
    more = {"extensions": extensions} if extensions else {}
    return Answer(encode({**named, "data": data, **more}).decode(), None, codes_of(errors or ()))


def refusal_of(errors: Sequence[GraphQLError]) -> Answer:
    """The answer to a request that errors kept from running."""
    formatted = [error.formatted for error in errors]
    return Answer(encode({"errors": formatted}).decode(), formatted, codes_of(errors))


def codes_of(errors: Sequence[GraphQLError]) -> tuple[str, ...]:
    """The codes under which errors were published."""
    return tuple(map(code_of, errors))


def code_of(error: GraphQLError) -> str:
    """The code under which an error was published."""
    return str((error.extensions or {}).get("code"))


def refused_answer(error: Exception) -> Answer:
    """What is sent in place of an answer that was put together and is not sent because of this error."""
    published = as_graphql(error)
    return Answer(encode({"errors": [published.formatted], "data": None}).decode(), None, codes_of([published]))


def failure(error: Exception) -> Answer:
    """The answer to a request that this error kept from running."""
    return refusal_of([as_graphql(error)])
