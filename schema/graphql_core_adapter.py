"""What this project uses of graphql-core beyond its documentation: the halves of a subscription, built types, and error texts.

The rest of the code imports these names from here. `tests/test_adapters.py` fails when an upgrade of graphql-core moves one.
"""

import re
from collections.abc import Sequence
from typing import Any

from graphql import (
    DocumentNode,
    ExecutionResult,
    Executor,
    GraphQLArgument,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLSchema,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    create_source_event_stream,
    execute_subscription_event,
)
from graphql.validation.validate import ValidationAbortedError

__all__ = [
    "ExecutionResult",
    "Executor",
    "create_source_event_stream",
    "drop_null_default",
    "execute_subscription_event",
    "executor",
    "is_about_a_variable",
    "is_about_an_argument",
    "mark_one_of",
    "was_aborted",
    "without_cause",
    "without_suggestion",
]

SUGGESTION = re.compile(r" ?Did you mean [^?]*\?")
CAUSE = ", but encountered error '{cause}'; found"


def executor(
    schema: GraphQLSchema, document: DocumentNode, event: object, *, context: object, variables: dict[str, Any] | None, name: str | None
) -> Executor[Any] | list[GraphQLError]:
    """An executor of a valid document whose root is this event, or why the variables do not fit."""
    return Executor.build(schema, document, event, context, variables, name)


def drop_null_default(argument: GraphQLArgument) -> None:
    """Give an argument no default instead of null."""
    if argument.default_value is None:
        argument.default_value = Undefined


def mark_one_of(type_: GraphQLInputObjectType) -> None:
    """Let graphql-core check that exactly one key of this input is given."""
    type_.is_one_of = True


def was_aborted(errors: Sequence[GraphQLError], most: int) -> bool:
    """Whether validation ended early for another reason than that it had found more than so many errors."""
    return bool(errors) and isinstance(errors[-1], ValidationAbortedError) and len(errors) <= most


def is_about_an_argument(error: GraphQLError) -> bool:
    """Whether the value of an argument was refused while the operation ran."""
    return any(isinstance(node, ValueNode) for node in error.nodes or ())


def is_about_a_variable(error: GraphQLError) -> bool:
    """Whether the value of a variable was refused before the operation ran."""
    return any(isinstance(node, VariableDefinitionNode) for node in error.nodes or ())


def without_cause(message: str, cause: Exception) -> str:
    """The message about a value without the text of what a scalar raised, which may be any library's.

    There is no other way to tell the two apart: graphql-core has joined them already.
    """
    return message.replace(CAUSE.format(cause=cause), ", found")


def without_suggestion(message: str) -> str:
    """The message without suggested names, which the client did not know. graphql-core adds them in some places in any case."""
    return SUGGESTION.sub("", message)
