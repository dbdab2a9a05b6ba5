"""Why a record matches or not: the truth of each node, with the value that was compared."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from models.fields import from_day_number, from_microseconds, from_units
from models.ids import to_global_id
from resolvers.criteria.evaluation.facts import ContactFacts, Facts, OwnedFacts
from resolvers.criteria.evaluation.predicate import compile_node, related_records, values_of
from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.names import Vocabulary
from resolvers.criteria.language.tree import (
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
    Source,
    TaggedAt,
    Tags,
    Tree,
    children,
)
from resolvers.criteria.rendering.sentence import capitalised, clause
from resolvers.criteria.semantics.time import Now

Json = str | int | bool | list[Any] | None


@dataclass(frozen=True, slots=True)
class ExplanationNode:
    """One node in words, whether it is true, the actual value, and the nodes below it."""

    text: str
    matches: bool
    actual: Json
    path: Path
    children: tuple["ExplanationNode", ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether a record matches, and why."""

    matches: bool
    root: ExplanationNode


def _same(value: Any) -> Json:
    found: Json = value
    return found


def _instant(value: int) -> str:
    return from_microseconds(value).isoformat().replace("+00:00", "Z")


def _day(value: int) -> str:
    return from_day_number(value).isoformat()


def _decimal(value: int) -> str:
    return f"{from_units(value):f}"


SHOWN: dict[Family, Callable[[Any], Json]] = {Family.DATE: _day, Family.DATE_TIME: _instant, Family.NUMBER: _decimal}
SHOWN_CUSTOM: dict[str, Callable[[Any], Json]] = {"day": _day, "instant": _instant, "number": _decimal, "boolean": bool}


def explain(tree: Tree, facts: Facts, *, now: Now, vocabulary: Vocabulary) -> Explanation:
    """Explain the tree for one record at one moment."""
    root = _Explainer(now, vocabulary).node(tree.root, facts)
    return Explanation(root.matches, root)


class _Explainer:
    """Explains nodes, each with the facts of the record that it is about."""

    def __init__(self, now: Now, vocabulary: Vocabulary) -> None:
        self._now = now
        self._vocabulary = vocabulary

    def node(self, node: Node, facts: Facts) -> ExplanationNode:
        match node, facts:
            case Related(), ContactFacts():
                return self._related(node, facts)
            case OfContact(), OwnedFacts(contact=contact):
                return self._composed(node, [self.node(node.child, contact)])
            case Condition(), _:
                return self._explained(node, compile_node(node)(facts, self._now), actual=self._compared(node.source, facts))
            case _:
                return self._composed(node, [self.node(child, facts) for child in children(node)])

    def _composed(self, node: Node, below: Sequence[ExplanationNode]) -> ExplanationNode:
        """A node whose truth follows from the nodes below it."""
        truths = [child.matches for child in below]
        match node:
            case AnyOf():
                matches = any(truths)
            case Not():
                matches = not all(truths)
            case _:
                matches = all(truths)
        return self._explained(node, matches, below=below)

    def _related(self, node: Related, contact: ContactFacts) -> ExplanationNode:
        """A relation, with the condition explained for one record: one that meets it, if there is any."""
        owned = contact.owned.get(node.record_type, ())
        met = related_records(node)(contact, self._now)
        below = [self.node(node.where, shown) for shown in (met or owned)[:1]] if node.where else []
        return self._explained(node, (len(met) >= node.least) is not node.negated, actual=len(met), below=below)

    def _explained(self, node: Node, matches: bool, *, actual: Json = None, below: Sequence[ExplanationNode] = ()) -> ExplanationNode:
        return ExplanationNode(capitalised(clause(node, self._vocabulary)), matches, actual, node.path, tuple(below))

    def _compared(self, source: Source, facts: Facts) -> Json:
        shown = [self._shown(source, value) for value in values_of(source)(facts)]
        return shown if isinstance(source, Tags | Groups) or len(shown) > 1 else next(iter(shown), None)

    def _shown(self, source: Source, value: Any) -> Json:
        match source:
            case Tags():
                return self._vocabulary.tags.get(value, to_global_id("Tag", value))
            case Groups():
                return self._vocabulary.groups[value].name if value in self._vocabulary.groups else to_global_id("Group", value)
            case TaggedAt():
                return _instant(value)
            case Custom(column=column):
                return SHOWN_CUSTOM.get(column, _same)(value)
            case Column(field=field) if field.family is Family.REFERENCE:
                return self._vocabulary.users.get(value, to_global_id("User", value))
            case Column(field=field):
                return SHOWN.get(field.family, _same)(value)
            case _:
                assert_never(source)
