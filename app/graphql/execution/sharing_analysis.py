"""What the answers of a subscription can depend on besides the event: found out from its document, once."""

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
class Plan:
    """A subscription that is valid: its document, and what two callers must have in common to be given the same answers."""

    document: DocumentNode
    variables: frozenset[str]
    """The variables that matter beneath the root field; its own arguments choose events, and do nothing to them."""
    is_personal: bool
    """Whether it selects anything that may differ between two users of an account who are told the same event."""


def plan(schema: GraphQLSchema, document: DocumentNode, operation_name: str | None) -> Plan | None:
    """The plan of the subscription in a valid document; None if the operation to run is another one."""
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        return None
    reading = _Reading(schema)
    for definition in document.definitions:
        if definition is operation or isinstance(definition, FragmentDefinitionNode):
            visit(definition, TypeInfoVisitor(reading.types, reading))
    return Plan(document, frozenset(reading.variables), reading.is_personal)


class _Reading(Visitor):
    """Notes variables and personal fields; what it does not know to be the same for all counts as personal."""

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
    """Whether more is behind the field than a value of the row, and it is not known to be the same for all either."""
    return not is_plain_attribute(owner.fields[name]) and f"{owner.name}.{name}" not in SAME_FOR_ALL
