"""What an operation is, in words that only the schema can choose: labels that no client can multiply."""

from collections import OrderedDict
from typing import NamedTuple

from graphql import DocumentNode, FieldNode, GraphQLError, get_operation_ast, parse

from app.graphql.execution.wire import Asked

MOST_REMEMBERED = 256
LONGEST_REMEMBERED = 4_096  # characters


class Sketch(NamedTuple):
    """The kind of an operation and its root field, where it has just one."""

    kind: str
    field: str


REFUSED = Sketch("refused", "none")
SEVERAL = "several"


class Sketches:
    """Remembers what lately seen documents are, so that each is parsed for it once."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str | None], Sketch] = OrderedDict()

    def of(self, request: Asked) -> Sketch:
        """What a request that was found valid is."""
        key = request.query, request.operation_name
        found = self._known.get(key)
        if found is None:
            found = sketch(request)
            if len(request.query) <= LONGEST_REMEMBERED:
                self._known[key] = found
            if len(self._known) > MOST_REMEMBERED:
                self._known.popitem(last=False)
        return found


def sketch(request: Asked) -> Sketch:
    """What the operation is that a valid document asks for."""
    try:
        document = parse(request.query, no_location=True)
    except GraphQLError:
        return REFUSED
    return _sketch(document, request.operation_name)


def _sketch(document: DocumentNode, operation_name: str | None) -> Sketch:
    operation = get_operation_ast(document, operation_name)
    if operation is None:
        return REFUSED
    match operation.selection_set.selections:
        case [FieldNode(name=name)]:
            return Sketch(operation.operation.value, name.value)
    return Sketch(operation.operation.value, SEVERAL)
