"""The size of a document: depth, aliases, fields and repetitions. Checked before validation, which is costly itself."""

from collections import Counter
from typing import NamedTuple

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
)

from schema.limits import DocumentLimits

REPETITIVE = "The document repeats the same names too often: split it into several requests."


class Weight(NamedTuple):
    """The size of a selection with all fragments expanded."""

    depth: int = 0
    aliases: int = 0
    fields: int = 0


class WeightCounter:
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
        """Weighs each operation as a whole, so the visitor does not enter it."""

        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            definitions = context.document.definitions
            self._counter = WeightCounter({d.name.value: d for d in definitions if isinstance(d, FragmentDefinitionNode)})

        def enter_document(self, node: DocumentNode, *_: object) -> None:
            if comparisons(node) > limits.comparisons:
                self.report_error(GraphQLError(REPETITIVE))

        def enter_operation_definition(self, node: OperationDefinitionNode, *_: object) -> VisitorAction:
            for problem in excesses(self._counter.weigh(node.selection_set), limits):
                self.report_error(GraphQLError(problem, node))
            return SKIP

        def enter_fragment_definition(self, *_: object) -> VisitorAction:
            return SKIP

    return OperationWeight


def comparisons(document: DocumentNode) -> int:
    """How many pairs of selections the standard rule on overlapping fields may have to compare: quadratic in repeated names."""
    names: Counter[str] = Counter()
    unread = [definition.selection_set for definition in document.definitions if isinstance(definition, ExecutableDefinitionNode)]
    while unread:
        for selection in unread.pop().selections:
            names[(selection.alias or selection.name).value if isinstance(selection, FieldNode) else "..."] += 1
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                unread.append(selection.selection_set)
    return sum(count * count for count in names.values())


def excesses(weight: Weight, limits: DocumentLimits) -> list[str]:
    """The messages about the limits that an operation exceeds."""
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
