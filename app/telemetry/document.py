"""The labels of an operation in metrics and traces: names that stand in the schema, so that no client can multiply them."""

from functools import lru_cache
from typing import NamedTuple

from graphql import FieldNode, GraphQLError, get_operation_ast, parse

from app.graphql.execution.wire import GraphQLRequest

MOST_REMEMBERED = 256  # documents
LONGEST_REMEMBERED = 4_096  # characters


class OperationLabels(NamedTuple):
    """The kind of an operation and its root field, where it has just one."""

    kind: str
    field: str


REFUSED = OperationLabels("refused", "none")
SEVERAL = "several"


def labels_of(request: GraphQLRequest) -> OperationLabels:
    """The labels of a request whose document was found valid. Documents seen lately are not parsed again."""
    find = _remembered if len(request.query) <= LONGEST_REMEMBERED else _labels_of
    return find(request.query, request.operation_name)


def _labels_of(query: str, operation_name: str | None) -> OperationLabels:
    try:
        operation = get_operation_ast(parse(query, no_location=True), operation_name)
    except GraphQLError:
        return REFUSED
    if operation is None:
        return REFUSED
    match operation.selection_set.selections:
        case [FieldNode(name=name)]:
            return OperationLabels(operation.operation.value, name.value)
    return OperationLabels(operation.operation.value, SEVERAL)


_remembered = lru_cache(MOST_REMEMBERED)(_labels_of)
