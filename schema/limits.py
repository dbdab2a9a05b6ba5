"""What a GraphQL document may ask for: every document is weighed before it is validated, so that none can cost more than its limits."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    SKIP,
    ASTValidationRule,
    DocumentNode,
    ExecutableDefinitionNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    VisitorAction,
    validate,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from models.errors import MusterError
from schema.errors import BAD_USER_INPUT, MOST_ERRORS, VALIDATION_FAILED, coded, without_cause

SEVERAL_OPERATIONS = "The document has several operations: name the one to run in `operationName`."
ABORTED = "Validation aborted."  # graphql-core's last word on what nests too deeply or compares too much
TOO_COMPLEX = "The document is too complex to be validated: nest fragments less deeply, or split it into several requests."
REPETITIVE = "The document repeats the same names too often: split it into several requests."
MOST_REMEMBERED = 128  # documents; with the next bound it keeps the memory of their trees to some tens of megabytes
LONGEST_REMEMBERED = 4_096  # characters


@dataclass(frozen=True, slots=True)
class DocumentLimits:
    """Bounds on one document: on its text, and on its operations with all fragments expanded."""

    tokens: int = 5_000
    depth: int = 15
    aliases: int = 50
    fields: int = 500
    comparisons: int = 40_000
    """Pairs of selections with the same name in the text; to compare so many takes validation some tenths of a second."""


class Weight(NamedTuple):
    """What a selection asks for, with all fragments expanded."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0


class Scales:
    """Weighs selections in one pass over the document: a fragment is weighed once, however often it is spread."""

    def __init__(self, fragments: dict[str, FragmentDefinitionNode]) -> None:
        self._fragments = fragments
        self._known: dict[str, Weight] = {}

    def weigh(self, selections: SelectionSetNode | None) -> Weight:
        """The weight of sibling selections together."""
        if selections is None:
            return Weight()
        weights = [self._weigh_one(selection) for selection in selections.selections]
        return Weight(max((w.depth for w in weights), default=0), sum(w.aliases for w in weights), sum(w.fields for w in weights))

    def _weigh_one(self, selection: SelectionNode) -> Weight:
        match selection:
            case FieldNode():
                below = self.weigh(selection.selection_set)
                # Introspection nests deeply by nature and has a standard rule of its own.
                depth = 0 if selection.name.value.startswith("__") else below.depth
                return Weight(depth + 1, below.aliases + (selection.alias is not None), below.fields + 1)
            case InlineFragmentNode():
                return self.weigh(selection.selection_set)
            case FragmentSpreadNode():
                return self._weigh_fragment(selection.name.value)
        return Weight()

    def _weigh_fragment(self, name: str) -> Weight:
        if name not in self._known:
            self._known[name] = Weight()  # a cycle ends here, and is reported by a standard rule
            fragment = self._fragments.get(name)
            self._known[name] = self.weigh(fragment.selection_set if fragment else None)
        return self._known[name]


def weight_rule(limits: DocumentLimits) -> type[ASTValidationRule]:
    """A validation rule that reports every operation above the limits."""

    class OperationWeight(ASTValidationRule):
        """Weighs each operation as a whole and walks into none."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            definitions = context.document.definitions
            self._scales = Scales({d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)})

        def enter_document(self, node: DocumentNode, *_: object) -> None:
            if comparisons(node) > limits.comparisons:
                self.report_error(GraphQLError(REPETITIVE))

        def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> VisitorAction:
            for problem in excesses(self._scales.weigh(node.selection_set), limits):
                self.report_error(GraphQLError(problem, node))
            return SKIP

        def enter_fragment_definition(self, *_: object) -> VisitorAction:
            return SKIP

    return OperationWeight


def comparisons(document: DocumentNode) -> int:
    """How many pairs of selections the standard rule on overlapping fields may have to compare: it is quadratic in what repeats."""
    names: Counter[str] = Counter()
    unread = [definition.selection_set for definition in document.definitions if isinstance(definition, ExecutableDefinitionNode)]
    while unread:
        for selection in unread.pop().selections:
            names[(selection.alias or selection.name).value if isinstance(selection, FieldNode) else "..."] += 1
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                unread.append(selection.selection_set)
    return sum(count * count for count in names.values())


def excesses(weight: Weight, limits: DocumentLimits) -> list[str]:
    """What to say of an operation that is above one or more limits."""
    measured = [
        ("is nested", weight.depth, limits.depth, "levels deep"),
        ("has", weight.aliases, limits.aliases, "aliases"),
        ("selects", weight.fields, limits.fields, "fields"),
    ]
    return [
        f"The operation {verb} {min(found, 10**9)} {unit}, and at most {most} are allowed: split it into several requests."
        for verb, found, most, unit in measured
        if found > most
    ]


class DocumentCheck:
    """Makes the schema extension that checks each document; give the instance to the schema's `extensions`.

    Documents found valid are remembered, so that a repeated one is neither parsed nor validated again.
    """

    def __init__(self, limits: DocumentLimits) -> None:
        self.limits = limits
        self.weight_rule = weight_rule(limits)
        self._valid: OrderedDict[str, DocumentNode] = OrderedDict()

    def __call__(self) -> SchemaExtension:
        """A fresh extension for one operation."""
        return _CheckOperation(self)

    def recall(self, query: str) -> DocumentNode | None:
        """The parsed document of a query that was found valid lately."""
        if query in self._valid:
            self._valid.move_to_end(query)
        return self._valid.get(query)

    def remember(self, query: str, document: DocumentNode) -> None:
        """Keep a valid document, and let go of the one unused for longest when there are too many."""
        if len(query) <= LONGEST_REMEMBERED:
            self._valid[query] = document
        if len(self._valid) > MOST_REMEMBERED:
            self._valid.popitem(last=False)


class _CheckOperation(SchemaExtension):
    """Checks the document of one operation: its length, its weight, its validity, and that it says which operation to run."""

    def __init__(self, check: DocumentCheck) -> None:
        super().__init__()
        self._check = check

    def on_parse(self) -> Iterator[None]:
        operation = self.execution_context
        operation.parse_options["max_tokens"] = self._check.limits.tokens
        operation.graphql_document = self._check.recall(operation.query or "")
        yield

    def on_validate(self) -> Iterator[None]:
        operation = self.execution_context
        document = operation.graphql_document
        if document is not None:  # always so here: an unparsable document is answered before
            operation.pre_execution_errors = self._errors(document) or self._ambiguity(document)
        yield

    def _errors(self, document: DocumentNode) -> list[GraphQLError]:
        query = self.execution_context.query or ""
        if self._check.recall(query) is document:
            return []
        errors = self._validate(document, [self._check.weight_rule])
        errors = errors or self._validate(document, [*self.execution_context.validation_rules, MaybeNullValidationRule])
        if not errors:
            self._check.remember(query, document)
        return errors

    def _validate(self, document: DocumentNode, rules: list[type[ASTValidationRule]]) -> list[GraphQLError]:
        schema: Any = self.execution_context.schema._schema
        # One less, because an error that says so is added when there are more.
        errors = validate(schema, document, rules, max_errors=MOST_ERRORS - 1, hide_suggestions=True)
        return [_invalid(error) for error in errors]

    def _ambiguity(self, document: DocumentNode) -> list[GraphQLError]:
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        if len(operations) == 1 or self.execution_context._provided_operation_name is not None:
            return []
        return [GraphQLError(SEVERAL_OPERATIONS, operations, extensions={"code": BAD_USER_INPUT})]


def _invalid(error: GraphQLError) -> GraphQLError:
    """A validation error with its code, and with a scalar's own words only if they were written for clients."""
    if error.message == ABORTED:
        return coded(error, VALIDATION_FAILED, TOO_COMPLEX)
    cause = error.original_error
    if cause is None or isinstance(cause, MusterError | GraphQLError):
        return coded(error, VALIDATION_FAILED)
    return coded(error, VALIDATION_FAILED, without_cause(error.message, cause))
