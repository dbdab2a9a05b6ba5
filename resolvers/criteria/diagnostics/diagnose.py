"""Finds questionable conditions in valid criteria: those that are always true or false, redundant, or refer to something deleted."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations, permutations
from typing import assert_never

from resolvers.criteria.diagnostics.claims import Claims
from resolvers.criteria.diagnostics.implication import Claim, effort, excludes, implies
from resolvers.criteria.language.names import FieldName, Vocabulary
from resolvers.criteria.language.operands import Span
from resolvers.criteria.language.operators import IS_EMPTY
from resolvers.criteria.language.place import quoted
from resolvers.criteria.language.tree import (
    AllOf,
    AnyOf,
    Column,
    Condition,
    Custom,
    Groups,
    Node,
    Not,
    OfContact,
    Path,
    Related,
    TaggedAt,
    Tags,
    Tree,
    is_negative,
    walk,
)
from resolvers.criteria.rendering.sentence import clause
from resolvers.criteria.rendering.words import listing

MOST_COMPARED = 12  # conditions on one source in one list, because every pair is compared
MOST_EFFORT = 20_000  # for comparisons in one document, some hundredths of a second: beyond it nothing more is compared


class DiagnosticCode(StrEnum):
    """The kinds of diagnostic."""

    ALWAYS_TRUE = "ALWAYS_TRUE"
    ALWAYS_FALSE = "ALWAYS_FALSE"
    REDUNDANT = "REDUNDANT"
    NEGATIVE_UNDER_ANY = "NEGATIVE_UNDER_ANY"
    UNKNOWN_TAG = "UNKNOWN_TAG"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    UNKNOWN_GROUP = "UNKNOWN_GROUP"
    UNKNOWN_CHOICE = "UNKNOWN_CHOICE"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A message about one node."""

    code: DiagnosticCode
    path: Path
    message: str


def diagnose(tree: Tree, vocabulary: Vocabulary) -> list[Diagnostic]:
    """All diagnostics of a tree, in the order of the nodes."""
    examination = _Examination(tree, vocabulary)
    truth = examination.truth(tree.root)
    diagnostics = [*examination.diagnostics, *(diagnostic for node in walk(tree.root) for diagnostic in _unknown(node, vocabulary))]
    if truth is not None and not any(diagnostic.path == tree.root.path for diagnostic in diagnostics):
        diagnostics.append(_constant(tree.root, "As a whole, the criteria are", truth=truth))
    order = {node.path: index for index, node in enumerate(walk(tree.root))}
    return sorted(diagnostics, key=lambda diagnostic: order[diagnostic.path])


GONE = {
    DiagnosticCode.UNKNOWN_TAG: "a tag that no longer exists, so nobody has it",
    DiagnosticCode.UNKNOWN_GROUP: "a group that no longer exists, so nobody is in it",
    DiagnosticCode.UNKNOWN_FIELD: "a custom field that no longer exists, so nobody has a value in it",
}


Claiming = tuple[Node, Claim]  # a node, and what it says


class _Examination:
    """Finds nodes with the same truth for every record, and collects diagnostics on their causes."""

    def __init__(self, tree: Tree, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._claims = Claims(tree, vocabulary.zone)
        self._effort = MOST_EFFORT
        self.diagnostics: list[Diagnostic] = []

    def truth(self, node: Node) -> bool | None:
        """The truth of a node if it is the same for every record, else None."""
        match node:
            case AllOf() | AnyOf():
                return self._of_list(node)
            case Not():
                truth = self.truth(node.child)
                return None if truth is None else not truth
            case OfContact():
                return self.truth(node.child)
            case Related():
                impossible = node.where is not None and self.truth(node.where) is False
                return node.negated if impossible else None
            case Condition():
                return self._of_condition(node)
            case _:
                assert_never(node)

    def _of_condition(self, condition: Condition) -> bool | None:
        met = self._always_met(condition)
        if met is None:
            return None
        reason = "The value is never missing, so this is" if met else "The range has nothing in it, so this is"
        truth = met is not condition.negated
        self.diagnostics.append(_constant(condition, reason, truth=truth))
        return truth

    def _of_list(self, node: AllOf | AnyOf) -> bool | None:
        decisive = isinstance(node, AnyOf)  # the truth of one child that decides the whole list
        truths = [self.truth(child) for child in node.children]
        self._find_redundant(node)
        self._find_negative(node)
        if decisive in truths:
            return decisive
        if pair := next(self._conflicts(node), None):
            self._find_conflict(node, pair)
            return decisive
        return None if None in truths else not decisive

    def _conflicts(self, node: AllOf | AnyOf) -> Iterator[tuple[Claim, Claim]]:
        for together in self._comparable(node):
            for (_, one), (_, other) in self._within_effort(combinations(together, 2)):
                first, second = (one, other) if isinstance(node, AllOf) else (one.opposite, other.opposite)
                if excludes(first, second):
                    yield one, other

    def _find_conflict(self, node: AllOf | AnyOf, pair: tuple[Claim, Claim]) -> None:
        one, other = (clause(found.node, self._vocabulary, negated=found.negated != found.node.negated) for found in pair)
        verb = "exclude each other" if isinstance(node, AllOf) else "leave nothing out"
        self.diagnostics.append(_constant(node, f"“{one}” and “{other}” {verb}, so this is", truth=isinstance(node, AnyOf)))

    def _find_redundant(self, node: AllOf | AnyOf) -> None:
        idle: set[Path] = set()
        for kept, dropped in self._implied(node):
            if kept.path not in idle:
                idle.add(dropped.path)
        message = "This adds nothing: what stands beside it already says it. Remove it."
        self.diagnostics += [Diagnostic(DiagnosticCode.REDUNDANT, child.path, message) for child in node.children if child.path in idle]

    def _implied(self, node: AllOf | AnyOf) -> Iterator[tuple[Node, Node]]:
        first: dict[int, Node] = {}
        for child in node.children:
            kept = first.setdefault(self._claims.number(child), child)
            if kept is not child:
                yield kept, child
        for together in self._comparable(node):
            for (one, says_one), (other, says_other) in self._within_effort(permutations(together, 2)):
                narrow, wide = (says_other, says_one) if isinstance(node, AnyOf) else (says_one, says_other)
                if self._claims.number(one) != self._claims.number(other) and implies(narrow, wide):
                    yield one, other

    def _comparable(self, node: AllOf | AnyOf) -> list[list[Claiming]]:
        """The claims of a list by what they are about, as many as are compared."""
        by_subject: dict[object, list[Claiming]] = {}
        for child in node.children:
            if found := self._claims.of(child):
                by_subject.setdefault(found.about, []).append((child, found))
        return [together[:MOST_COMPARED] for together in by_subject.values()]

    def _within_effort(self, pairs: Iterable[tuple[Claiming, Claiming]]) -> Iterator[tuple[Claiming, Claiming]]:
        for pair in pairs:
            self._effort -= effort(*(claim for _, claim in pair))
            if self._effort < 0:
                return
            yield pair

    def _always_met(self, condition: Condition) -> bool | None:
        """Whether every record passes the check of the condition, or none does."""
        if isinstance(condition.source, Column) and condition.source.field.required and condition.operator is IS_EMPTY:
            return True
        return False if isinstance(condition.operand, Span) and self._claims.read(condition).is_impossible else None

    def _find_negative(self, node: AllOf | AnyOf) -> None:
        message = "A negative condition in `any` lets nearly everybody in: put it under `all`, or inside `not`."
        found = [child for child in node.children if isinstance(node, AnyOf) and is_negative(child)]
        self.diagnostics += [Diagnostic(DiagnosticCode.NEGATIVE_UNDER_ANY, child.path, message) for child in found]


def _unknown(node: Node, vocabulary: Vocabulary) -> Iterator[Diagnostic]:
    """A diagnostic if the node refers to something that was deleted."""
    if not isinstance(node, Condition):
        return
    match node.source:
        case TaggedAt(tag_id) if tag_id not in vocabulary.tags:
            yield _gone(node, DiagnosticCode.UNKNOWN_TAG)
        case Tags() if not _all_known(node, vocabulary.tags.__contains__):
            yield _gone(node, DiagnosticCode.UNKNOWN_TAG)
        case Groups() if not _all_known(node, vocabulary.groups.__contains__):
            yield _gone(node, DiagnosticCode.UNKNOWN_GROUP)
        case Custom(field_id) if not field_id:
            yield _gone(node, DiagnosticCode.UNKNOWN_FIELD)
        case Custom(key=key):
            yield from _not_offered(node, vocabulary.fields[key])
        case _:
            return


def _all_known(condition: Condition, known: Callable[[object], bool]) -> bool:
    return not isinstance(condition.operand, tuple) or all(map(known, condition.operand))


def _gone(condition: Condition, code: DiagnosticCode) -> Diagnostic:
    return Diagnostic(code, condition.path, f"This names {GONE[code]}. Name another one, or remove the condition.")


def _not_offered(condition: Condition, field: FieldName) -> Iterator[Diagnostic]:
    """A diagnostic if the condition names choices that its field no longer offers."""
    gone = field.not_offered(condition.operand) if isinstance(condition.operand, tuple) else ()
    if gone:
        message = (
            f"`{field.key}` no longer offers {listing([quoted(choice) for _, choice in gone], 'or')}."
            " The condition goes on looking for contacts that still hold an old choice: name another one, or remove the condition."
        )
        yield Diagnostic(DiagnosticCode.UNKNOWN_CHOICE, condition.path, message)


def _constant(node: Node, reason: str, *, truth: bool) -> Diagnostic:
    code = DiagnosticCode.ALWAYS_TRUE if truth else DiagnosticCode.ALWAYS_FALSE
    return Diagnostic(code, node.path, f"{reason} {'true for every' if truth else 'false for every'} record.")
