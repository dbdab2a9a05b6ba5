"""What the answers of a subscription depend on besides the event: found in its document, once."""

from dataclasses import dataclass
from typing import Any

from graphql import (
    SKIP,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    VisitorAction,
    get_operation_ast,
    visit,
)

from schema.changes import SAME_FOR_ALL
from schema.strawberry_adapter import is_plain_attribute


@dataclass(frozen=True, slots=True, eq=False)
class SharingAnalysis:
    """A valid subscription: its document, and what two clients must have in common to be given the same answers."""

    document: DocumentNode
    variables: frozenset[str]
    """The variables that are used beneath the root field. The arguments of the root field choose events, and do not change them."""
    is_personal: bool
    """Whether it selects anything that may differ between two users of an account."""


def analyse_sharing(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> SharingAnalysis | None:
    """Analyse the subscription in a valid document. None if the operation to run is a query or mutation."""
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        return None
    visitor = _SharingVisitor(schema)
    for definition in document.definitions:
        if definition is operation or isinstance(definition, FragmentDefinitionNode):
            visit(definition, TypeInfoVisitor(visitor.types, visitor))
    return SharingAnalysis(document, frozenset(visitor.variables), visitor.is_personal)


class _SharingVisitor(Visitor):
    """Collects variables, and looks for personal fields: those that are not known to be the same for all users."""

    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.variables: set[str] = set()
        self.is_personal = False
        self._schema = schema

    def enter_variable_definition(self, *_: object) -> VisitorAction:
        return SKIP

    def enter_argument(self, *_: object) -> VisitorAction:
        of_the_root_field = self.types.get_parent_type() is self._schema.subscription_type and self.types.get_directive() is None
        return SKIP if of_the_root_field else None

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.variables.add(node.name.value)

    def enter_field(self, node: FieldNode, *_: object) -> None:
        parent, name = self.types.get_parent_type(), node.name.value
        if parent is self._schema.subscription_type or name.startswith("__"):
            return
        owners: list[Any] = [parent]
        if isinstance(parent, GraphQLInterfaceType):
            owners += self._schema.get_possible_types(parent)
        self.is_personal |= any(_is_personal(owner, name) for owner in owners)


def _is_personal(owner: GraphQLObjectType | GraphQLInterfaceType, name: str) -> bool:
    """Whether the field does more than show a value of the row, and is not known to be the same for all users."""
    return not is_plain_attribute(owner.fields[name]) and f"{owner.name}.{name}" not in SAME_FOR_ALL
