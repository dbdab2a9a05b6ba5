"""The labels of an operation in metrics and traces: names that stand in the schema, so that no client can multiply them."""

from typing import NamedTuple

from cachetools import LRUCache
from graphql import FieldNode, GraphQLError, get_operation_ast, parse

from app.graphql.execution.wire import GraphQLRequest
from models.event_loop import in_thread

MOST_REMEMBERED = 256  # documents
LONGEST_REMEMBERED = 4_096  # characters


class OperationLabels(NamedTuple):
    """The kind of an operation and its root field, where it has just one."""

    kind: str
    field: str


REFUSED = OperationLabels("refused", "none")
SEVERAL = "several"


_known: LRUCache[tuple[str, str | None], OperationLabels] = LRUCache(MOST_REMEMBERED)


async def labels_of(request: GraphQLRequest) -> OperationLabels:
    """The labels of a request whose document was found valid. Documents seen lately are not parsed again."""
    key = request.query, request.operation_name
    found = _known.get(key)
    if found is None:
        found = await in_thread(lambda: _labels_of(*key))
        if len(request.query) <= LONGEST_REMEMBERED:
            _known[key] = found
    return found


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
