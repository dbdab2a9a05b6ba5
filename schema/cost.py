"""What an operation costs, in the points of the tariff: computed from the document, its page sizes and its arguments before it runs."""

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from cachetools import LRUCache
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    get_operation_ast,
    is_list_type,
    value_from_ast_untyped,
)

from schema import tariff
from schema.input_cost import InputPricing, Position
from schema.introspection_cost import META_FIELDS, is_about_the_schema, lengths_of_introspection
from schema.limits import DocumentLimits

MOST = 10**9  # points: it fits an Int, and no operation is allowed to cost nearly as much
SIZES = ("first", "last", "sample", "ids")  # arguments that say how much a field returns
PAGE_LISTS = {"edges", "nodes"}  # of a connection
PAGE_PARTS = {"Preview.sample"}  # other lists whose length an argument of the field above sets
CONNECTION = "Connection"  # the end of the names of their types
MOST_REMEMBERED = 64  # combinations of sizes and prices

Variables = Mapping[str, object]


class Cost(NamedTuple):
    """Points of a selection: those that are due once, and those for each element of the page that it is part of."""

    once: int = 0
    each: int = 0


class Dependencies(NamedTuple):
    """The variables that a cost depends on: by how many values they hold, and by their price at a position."""

    sizes: tuple[str, ...]
    inputs: tuple[tuple[str, Position], ...]

    def of(self, given: Variables, inputs: InputPricing) -> tuple[object, ...]:
        """What the cost depends on, for these values."""
        sizes = (count_of(given.get(name)) for name in self.sizes)
        return *sizes, *(inputs.price_variable(name, position) for name, position in self.inputs)


class OperationCost:
    """The cost of one operation of a valid document, computed once for each combination of page sizes and prices of its inputs."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, document: DocumentNode, operation_name: str | None) -> None:
        self.document = document
        self._schema = schema
        self._limits = limits
        self._operation = get_operation_ast(document, operation_name)
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._defaults = _defaults(self._operation) if self._operation else {}
        self._dependencies: Dependencies | None = None
        self._known: LRUCache[tuple[object, ...], int] = LRUCache(MOST_REMEMBERED)
        self._lock = Lock()  # of what is known, because large values are priced in a thread

    def points(self, variables: Variables) -> int:
        """The points that the operation costs with these variables."""
        given = {name: variables.get(name, default) for name, default in self._defaults.items()}
        inputs = InputPricing(given)
        known = self._recall(self._dependencies.of(given, inputs)) if self._dependencies else None
        return self._compute(given, inputs) if known is None else known

    def _compute(self, given: Variables, inputs: InputPricing) -> int:
        pricing = Pricing(self._schema, self._limits, self._fragments, given, inputs)
        cost = min(MOST, tariff.OPERATION + (pricing.price_operation(self._operation) if self._operation else 0))
        self._dependencies = Dependencies(tuple(sorted(pricing.sized_by | inputs.counted)), tuple(inputs.used))
        key = self._dependencies.of(given, inputs)
        with self._lock:
            self._known[key] = cost
        return cost

    def _recall(self, key: tuple[object, ...]) -> int | None:
        with self._lock:
            return self._known.get(key)


def _defaults(operation: OperationDefinitionNode) -> dict[str, object]:
    """The variables that an operation declares, with their defaults."""
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value) if definition.default_value else None
        for definition in operation.variable_definitions or ()
    }


class Pricing:
    """Prices selections in one pass: a fragment is priced once, however often it is spread."""

    def __init__(
        self,
        schema: GraphQLSchema,
        limits: DocumentLimits,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: Variables,
        inputs: InputPricing,
    ) -> None:
        self.sized_by: set[str] = set()
        """The variables that page sizes depend on."""
        self._schema = schema
        self._limits = limits
        self._fragments = fragments
        self._variables = dict(variables)
        self._inputs = inputs
        self._known: dict[str, Cost] = {}

    def price_operation(self, operation: OperationDefinitionNode) -> int:
        """The points of the selections of an operation."""
        return self.price(operation.selection_set, self._schema.get_root_type(operation.operation)).once

    def price(self, selections: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Cost:
        """The points of sibling selections together."""
        costs = [self.price_one(selection, parent) for selection in selections.selections] if selections else []
        return Cost(min(sum(cost.once for cost in costs), MOST), min(sum(cost.each for cost in costs), MOST))

    def price_one(self, selection: SelectionNode, parent: GraphQLNamedType | None) -> Cost:
        """The points of one selection."""
        match selection:
            case FieldNode():
                return self._price_field(selection, parent)
            case InlineFragmentNode():
                condition = selection.type_condition
                return self.price(selection.selection_set, self._schema.get_type(condition.name.value) if condition else parent)
            case FragmentSpreadNode():
                return self._price_fragment(selection.name.value)
        return Cost()

    def _price_fragment(self, name: str) -> Cost:
        if name not in self._known:
            fragment = self._fragments[name]
            self._known[name] = self.price(fragment.selection_set, self._schema.get_type(fragment.type_condition.name.value))
        return self._known[name]

    def _price_field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Cost:
        name = node.name.value
        if name in META_FIELDS:
            below = self.price(node.selection_set, get_named_type(META_FIELDS[name].type))
            return Cost(tariff.FIELD + -(-below.once // tariff.INTROSPECTED))
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType) or name not in parent.fields:  # __typename, or within a union
            return Cost()
        field = parent.fields[name]
        below = self.price(node.selection_set, get_named_type(field.type))
        own = self._points(parent, name, field) + self._price_arguments(node, field)
        if not (is_list(field) and node.selection_set):
            page = self._size(node, parent, field) * below.each if below.each else 0
            return Cost(min(own + below.once + page, MOST))
        element = tariff.ELEMENTS.get(f"{parent.name}.{name}", tariff.ELEMENT) + below.once
        if is_page_part(parent, name):
            return Cost(own, element)
        return Cost(min(own + self._size(node, parent, field) * element, MOST))

    def _points(self, parent: GraphQLNamedType, name: str, field: GraphQLField) -> int:
        known = tariff.FIELDS.get(f"{parent.name}.{name}") or tariff.FIELDS.get(name)
        if known:
            return known
        if parent is self._schema.mutation_type:
            return tariff.WRITE
        return tariff.CONNECTION if get_named_type(field.type).name.endswith(CONNECTION) else tariff.FIELD

    def _price_arguments(self, node: FieldNode, field: GraphQLField) -> int:
        given = [(argument.value, field.args[argument.name.value]) for argument in node.arguments or ()]
        return sum(self._inputs.price_argument(value, get_named_type(declared.type)) for value, declared in given)

    def _size(self, node: FieldNode, parent: GraphQLNamedType, field: GraphQLField) -> int:
        """How many elements the arguments ask for, or how many a list without a size is assumed to have."""
        sizing = {name: argument for name, argument in field.args.items() if name in SIZES}
        if not sizing:
            coordinate = f"{parent.name}.{node.name.value}"
            return (
                lengths_of_introspection(self._schema)[coordinate]
                if is_about_the_schema(parent)
                else tariff.LISTS.get(coordinate, tariff.LIST)
            )
        given = [self._count(argument.value) for argument in node.arguments or () if argument.name.value in sizing]
        defaults = [count_of(argument.default_value) for argument in sizing.values()]
        size = next((count for count in (*given, *defaults) if count is not None), self._limits.page)
        return min(size, self._limits.largest_page)

    def _count(self, value: ValueNode) -> int | None:
        if isinstance(value, VariableNode):
            self.sized_by.add(value.name.value)
        return count_of(value_from_ast_untyped(value, self._variables))


def is_page_part(parent: GraphQLNamedType, name: str) -> bool:
    """Whether a list is as long as the page that it is part of."""
    return f"{parent.name}.{name}" in PAGE_PARTS or (parent.name.endswith(CONNECTION) and name in PAGE_LISTS)


def is_list(field: GraphQLField) -> bool:
    """Whether a field holds several values."""
    return is_list_type(get_nullable_type(field.type))


def count_of(value: object) -> int | None:
    """The number of elements that the value of a sizing argument stands for. None if it is neither a number nor a list."""
    match value:
        case bool():
            return None
        case int():
            return max(0, min(value, MOST))
        case list():
            return len(value)
    return None
