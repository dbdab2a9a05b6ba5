"""What this project uses of graphql-core beyond its documentation: counting, the halves of a subscription, built types, and error texts.

The rest of the code imports these names from here. `tests/test_adapters.py` fails when an upgrade of graphql-core moves one.
"""

import re
from collections.abc import Sequence
from sys import getsizeof
from typing import Any

import orjson
from graphql import (
    ExecutionResult,
    Executor,
    GraphQLArgument,
    GraphQLError,
    GraphQLInputObjectType,
    Undefined,
    ValueNode,
    VariableDefinitionNode,
    create_source_event_stream,
    execute_subscription_event,
)
from graphql.validation.validate import ValidationAbortedError

from resolvers.operation.answer_bytes import AnswerBytes

__all__ = [
    "CountingExecutor",
    "ExecutionResult",
    "Executor",
    "create_source_event_stream",
    "drop_null_default",
    "execute_subscription_event",
    "is_about_a_variable",
    "is_about_an_argument",
    "mark_one_of",
    "was_aborted",
    "without_cause",
    "without_suggestion",
]

FIELD_BYTES = 64  # of a field besides its name and its value, in memory
NOTHING = ""  # stands for a value in an answer that is too large: null would be an error for many fields
SUGGESTION = re.compile(r" ?Did you mean [^?]*\?")
CAUSE = ", but encountered error '{cause}'; found"


class CountingExecutor(Executor[Any]):
    """Executes as graphql-core does, but counts the bytes of the answer, and completes nothing more once there are too many.

    The fields of a mutation are all executed nevertheless. The answer has no meaning then, and has to be replaced.
    """

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, **options)
        self.answer: AnswerBytes = getattr(self.context_value, "answer", None) or AnswerBytes()

    def execute_field(self, *place: Any) -> Any:
        """Count a field, and resolve and complete it unless the answer is too large already."""
        path, answer = place[3], self.answer
        if answer.refusal is not None and path.prev is not None:
            return NOTHING
        answer.add(FIELD_BYTES + len(path.key))
        return super().execute_field(*place)

    def complete_leaf_value(self, return_type: Any, result: Any) -> Any:  # type: ignore[override]  # which is static
        """Complete a value, and count its bytes."""
        completed = super().complete_leaf_value(return_type, result)
        self.answer.add(bytes_of(completed))
        return completed


def bytes_of(value: object) -> int:
    """About as many bytes as a value takes in memory and as JSON. Documents are counted as JSON."""
    if isinstance(value, str):
        return getsizeof(value)
    return len(orjson.dumps(value)) if isinstance(value, dict | list) else 0


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
