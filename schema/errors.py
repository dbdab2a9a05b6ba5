"""How errors reach clients: those of models/errors.py with their codes, GraphQL's own as bad input, all others masked."""

import secrets
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import strawberry
import structlog
from graphql import GraphQLError, GraphQLSyntaxError
from strawberry.types import ExecutionContext

from models.engine.database import UNREACHABLE
from models.errors import BadInput, MusterError, Refused, Unavailable
from schema.graphql_core_adapter import is_about_a_variable, is_about_an_argument, without_cause, without_suggestion
from schema.strawberry_adapter import (
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
    OperationExecutor,
    StrawberryField,
    StrawberryObjectDefinition,
    fields_of,
)

MOST_ERRORS = 20  # of one answer: a longer list does not help to correct a request
MOST_PROBLEMS = 1_000  # of one input: enough for one in each row of a file
LONGEST_MESSAGE = 1_000  # characters: messages repeat values that clients sent, which may be as long as a request

BAD_USER_INPUT = "BAD_USER_INPUT"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"
INTERNAL = MusterError.code
UNAVAILABLE = Unavailable.code

NEEDS_A_STREAM = "A subscription needs a stream: send `Accept: text/event-stream`, or use a WebSocket."
DEFECT = "Something went wrong on our side. Quote error id {error_id} when you report it."
OUTAGE = "The database cannot be reached. Try again in a moment; if that does not help, quote error id {error_id} when you report it."

NO_FIELDS: Mapping[type, type] = MappingProxyType({})

log = structlog.get_logger(__name__)


class MusterSchema(strawberry.Schema):
    """A strawberry schema whose answers carry published errors only, whatever runs the operation.

    `added_fields` are classes whose fields are added to a class of the schema.
    """

    def __init__(self, *, added_fields: Mapping[type, type] = NO_FIELDS, **options: Any) -> None:
        self._added_fields = added_fields
        super().__init__(execution_context_class=OperationExecutor, **options)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """The fields of a class, and those that are added to it."""
        added = self._added_fields.get(type_definition.origin)
        return [*type_definition.fields, *(fields_of(added) if added else ())]

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Publish the errors of one answer, in place: the list itself is what will be sent."""
        errors[:] = [publish(error) for error in errors[:MOST_ERRORS]]


def as_graphql(error: Exception) -> GraphQLError:
    """The published form of an error that was raised outside an operation."""
    return publish(GraphQLError(str(error), original_error=error))


def publish(error: GraphQLError) -> GraphQLError:
    """The error as clients may read it, with a code. Publishing twice changes nothing."""
    if "code" in (error.extensions or {}):
        return error
    match _cause(error):
        case BadInput(__cause__=Refused() as refused) as cause:
            return _with_problems(coded(error, cause.code, cause.message), refused)
        case MusterError() as cause:
            published = coded(error, cause.code, cause.message if error.path else None)
            published.extensions = {"code": cause.code, **cause.details()}
            return published
        case Exception() as cause if isinstance(cause, UNREACHABLE):
            return _hide(error, cause, UNAVAILABLE, OUTAGE)
        case InvalidOperationTypeError():
            return coded(error, BAD_USER_INPUT, NEEDS_A_STREAM)
        case CannotGetOperationTypeError():
            return coded(error, BAD_USER_INPUT)
        case None if not error.path or is_about_an_argument(error):
            return coded(error, PARSE_FAILED if isinstance(error, GraphQLSyntaxError) else BAD_USER_INPUT)
        case Exception() as cause if is_about_a_variable(error):
            return coded(error, BAD_USER_INPUT, without_cause(error.message, cause))
        case cause:
            return _hide(error, cause or error, INTERNAL, DEFECT)


def coded(error: GraphQLError, code: str, message: str | None = None) -> GraphQLError:
    """The same error with a code, and without GraphQL's suggestions or any trace of its cause."""
    return GraphQLError(
        _shortened(without_suggestion(error.message) if message is None else message),
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions={"code": code},
    )


def _shortened(message: str) -> str:
    return message if len(message) <= LONGEST_MESSAGE else f"{message[:LONGEST_MESSAGE]}…"


def _with_problems(error: GraphQLError, refused: Refused) -> GraphQLError:
    """The error of a query with all problems of its input, because a query has no `userErrors`."""
    problems = [
        {"code": problem.code.value, "message": problem.message, "path": [*problem.path]} for problem in refused.problems[:MOST_PROBLEMS]
    ]
    error.extensions = {**(error.extensions or {}), "problems": problems}
    return error


def _cause(error: GraphQLError) -> Exception | None:
    """The exception behind an error. None if GraphQL itself reported it."""
    cause: Exception | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause


def _hide(error: GraphQLError, cause: Exception, code: str, message: str) -> GraphQLError:
    """Log what happened under an id, and show the client only that id."""
    error_id = secrets.token_hex(8)
    log.error("unexpected error", error_id=error_id, path=error.path, exc_info=cause)
    hidden = coded(error, code, message.format(error_id=error_id))
    hidden.extensions = {"code": code, "errorId": error_id}
    return hidden
