"""What an operation costs: how many values its answer may hold, computed from the document and the page sizes before it runs."""

from collections.abc import Iterable, Mapping
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

from schema.limits import DocumentLimits

MOST = 10**9  # points: it fits an Int, and no operation is allowed to cost nearly as much
LIST = 10  # elements that a list without a page size is assumed to have
WRITE = 10  # for each field of a mutation
POINTS = {"totalCount": 10, "Query.preview": 100, "Query.explain": 10}  # for fields that need a database query of their own
SIZES = ("first", "last", "sample", "ids")  # arguments that say how much a field returns
PAGE_LISTS = {"edges", "nodes"}  # of a connection
PAGE_PARTS = {"Preview.sample"}  # other lists whose length an argument of the field above sets
MOST_REMEMBERED = 64  # combinations of sizes

Variables = Mapping[str, object]
Sizes = tuple[int | None, ...]


class Cost(NamedTuple):
    """Points of a selection: those that are due once, and those for each element of the page that it is part of."""

    once: int = 0
    each: int = 0


class OperationCost:
    """The cost of one operation of a valid document, computed once for each combination of page sizes."""

    def __init__(self, schema: GraphQLSchema, limits: DocumentLimits, document: DocumentNode, operation_name: str | None) -> None:
        self._schema = schema
        self._limits = limits
        self._operation = get_operation_ast(document, operation_name)
        self._fragments = {d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)}
        self._defaults = _defaults(self._operation) if self._operation else {}
        self._sized_by: tuple[str, ...] | None = None
        self._known: LRUCache[Sizes, int] = LRUCache(MOST_REMEMBERED)

    def points(self, variables: Variables) -> int:
        """The points that the operation costs with these variables, at least one."""
        given = {**self._defaults, **variables}
        known = None if self._sized_by is None else self._known.get(_sizes(self._sized_by, given))
        return self._compute(given) if known is None else known

    def _compute(self, given: Variables) -> int:
        pricing = Pricing(self._schema, self._limits, self._fragments, given)
        cost = max(1, pricing.price_operation(self._operation) if self._operation else 0)
        self._sized_by = tuple(sorted(pricing.sized_by))
        self._known[_sizes(self._sized_by, given)] = cost
        return cost


def _defaults(operation: OperationDefinitionNode) -> dict[str, object]:
    return {
        definition.variable.name.value: value_from_ast_untyped(definition.default_value)
        for definition in operation.variable_definitions or ()
        if definition.default_value
    }


def _sizes(names: Iterable[str], given: Variables) -> Sizes:
    return tuple(count_of(given.get(name)) for name in names)


class Pricing:
    """Prices selections in one pass: a fragment is priced once, however often it is spread."""

    def __init__(
        self, schema: GraphQLSchema, limits: DocumentLimits, fragments: Mapping[str, FragmentDefinitionNode], variables: Variables
    ) -> None:
        self.sized_by: set[str] = set()
        """The variables that page sizes depend on."""
        self._schema = schema
        self._limits = limits
        self._fragments = fragments
        self._variables = variables
        self._known: dict[str, Cost] = {}

    def price_operation(self, operation: OperationDefinitionNode) -> int:
        """The points of an operation. Introspection is free."""
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
        if name.startswith("__") or not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return Cost()
        field = parent.fields[name]
        own, size = self._points(parent, name), self._size(node, field)
        below = self.price(node.selection_set, get_named_type(field.type))
        if is_page_part(parent, name):
            return Cost(own, below.once)
        elements = size if is_list(field) else 1
        return Cost(min(own + elements * below.once + size * below.each, MOST))

    def _points(self, parent: GraphQLNamedType, name: str) -> int:
        if parent is self._schema.mutation_type:
            return WRITE
        return POINTS.get(name) or POINTS.get(f"{parent.name}.{name}") or 1

    def _size(self, node: FieldNode, field: GraphQLField) -> int:
        """How many elements the arguments ask for."""
        sizing = {name: argument for name, argument in field.args.items() if name in SIZES}
        given = [self._count(argument.value) for argument in node.arguments or () if argument.name.value in sizing]
        defaults = [count_of(argument.default_value) for argument in sizing.values()]
        size = next((count for count in (*given, *defaults) if count is not None), self._limits.page)
        return min(size, self._limits.largest_page) if sizing else LIST

    def _count(self, value: ValueNode) -> int | None:
        if isinstance(value, VariableNode):
            self.sized_by.add(value.name.value)
        return count_of(value_from_ast_untyped(value, dict(self._variables)))


def is_page_part(parent: GraphQLNamedType, name: str) -> bool:
    """Whether a list is as long as the page that it is part of."""
    return f"{parent.name}.{name}" in PAGE_PARTS or (parent.name.endswith("Connection") and name in PAGE_LISTS)


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
