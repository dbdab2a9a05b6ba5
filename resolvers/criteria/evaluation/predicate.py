"""Criteria as a predicate: functions that evaluate one record in memory. They are compiled once and called often."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from resolvers.criteria.evaluation.facts import Facts, OwnedFacts
from resolvers.criteria.language.operators import Quantifier
from resolvers.criteria.language.temporal import is_zoned, stands_still
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
    Related,
    Source,
    TaggedAt,
    Tags,
    Tree,
)
from resolvers.criteria.semantics.checks import Check, InMemory, OneOf
from resolvers.criteria.semantics.time import Now

Predicate = Callable[[Facts, Now], bool]
NodePredicate = Callable[[Any, Now], bool]  # takes the facts of the record type that the node is about

ANY_MOMENT = Now(0, ZoneInfo("UTC"))  # for conditions that depend neither on the time nor on a time zone


def compile_predicate(tree: Tree) -> Predicate:
    """Compile a tree to a function that takes the facts of a record and a moment."""
    return compile_node(tree.root)


def compile_node(node: Node) -> NodePredicate:
    """Compile one node to a function that takes the facts of the record that the node is about."""
    shared: list[_OfSharedContact] = []
    found = _compile(node, shared)
    return _forgetting(found, shared) if shared else found


class _OfSharedContact:
    """A condition on the contact that several records have in common: it is evaluated for the first record only.

    Otherwise relations within each other would take as many steps as there are records, to the power of their depth.
    """

    __slots__ = ("_holds", "_result")

    def __init__(self, holds: NodePredicate) -> None:
        self._holds = holds
        self._result: bool | None = None

    def __call__(self, facts: Any, now: Now) -> bool:
        if self._result is None:
            self._result = self._holds(facts.contact, now)
        return self._result

    def forget(self) -> None:
        """Evaluate again at the next call, which is for another contact, or for the same one in other groups."""
        self._result = None


def _compile(node: Node, shared: list[_OfSharedContact]) -> NodePredicate:
    """Compile a node, and add its conditions on the contact to the list."""
    match node:
        case AllOf():
            return _all([_compile(child, shared) for child in node.children])
        case AnyOf():
            return _any([_compile(child, shared) for child in node.children])
        case Not():
            return _not(_compile(node.child, shared))
        case OfContact():
            shared.append(_OfSharedContact(compile_node(node.child)))
            return shared[-1]
        case Related():
            return _related(node)
        case Condition():
            return _condition(node)
        case _:
            assert_never(node)


def _all(predicates: list[NodePredicate]) -> NodePredicate:
    def holds(facts: Any, now: Now) -> bool:
        for each in predicates:  # noqa: SIM110  # a generator would double the time
            if not each(facts, now):
                return False
        return True

    return holds


def _any(predicates: list[NodePredicate]) -> NodePredicate:
    def holds(facts: Any, now: Now) -> bool:
        for each in predicates:  # noqa: SIM110  # as above
            if each(facts, now):
                return True
        return False

    return holds


def _not(child: NodePredicate) -> NodePredicate:
    return lambda facts, now: not child(facts, now)


def _forgetting(predicate: NodePredicate, shared: list[_OfSharedContact]) -> NodePredicate:
    def holds(facts: Any, now: Now) -> bool:
        for each in shared:
            each.forget()
        return predicate(facts, now)

    return holds


def _related(related: Related) -> NodePredicate:
    met, least, negated = related_records(related), related.least, related.negated
    return lambda facts, now: (len(met(facts, now)) >= least) is not negated


def related_records(related: Related) -> Callable[[Any, Now], Sequence[OwnedFacts]]:
    """A function that returns the records of a contact that meet the condition of the relation."""
    record_type = related.record_type
    if related.where is None:
        return lambda facts, _now: facts.owned.get(record_type, ())
    shared: list[_OfSharedContact] = []
    holds = _compile(related.where, shared)

    def met(facts: Any, now: Now) -> list[OwnedFacts]:
        for each in shared:
            each.forget()
        return [record for record in facts.owned.get(record_type, ()) if holds(record, now)]

    return met


def _condition(condition: Condition) -> NodePredicate:
    if condition.operator.quantifier is not Quantifier.SOME:
        return _each(condition)
    check_at, negated = _check_at(condition), condition.negated
    if isinstance(condition.source, Column):
        return _column_condition(condition.source.column, check_at, negated=negated)
    values = values_of(condition.source)
    return lambda facts, now: any(map(check_at(now), values(facts))) is not negated


def _column_condition(column: str, check_at: Callable[[Now], InMemory], *, negated: bool) -> NodePredicate:
    """A condition on a column: the most frequent kind, and faster without a collection of values."""

    def holds(facts: Any, now: Now) -> bool:
        value = facts.values[column]
        return (value is not None and check_at(now)(value)) is not negated

    return holds


def _each(condition: Condition) -> NodePredicate:
    check, values = condition.check(ANY_MOMENT), values_of(condition.source)
    wanted = check.values if isinstance(check, OneOf) else frozenset()
    if condition.operator.quantifier is Quantifier.EXACTLY:
        return lambda facts, _now: wanted == frozenset(values(facts))
    return lambda facts, _now: wanted.issubset(values(facts))


def _check_at(condition: Condition) -> Callable[[Now], InMemory]:
    """A function that returns the condition's check at a moment. It is made once if it does not depend on the moment."""
    if not is_zoned(condition):
        in_memory = condition.check(ANY_MOMENT).in_memory()
        return lambda _now: in_memory
    return _CheckOfMoment(condition).at


class _CheckOfMoment:
    """Keeps the check of the last moment, because many records are evaluated at the same one."""

    __slots__ = ("_check", "_condition", "_in_memory", "_moment")

    _check: Check
    _in_memory: InMemory

    def __init__(self, condition: Condition) -> None:
        self._condition = condition
        self._moment: Now | None = None

    def at(self, now: Now) -> InMemory:
        if now is not self._moment:
            self._renew(now)
            self._moment = now
        return self._in_memory

    def _renew(self, now: Now) -> None:
        if self._moment and stands_still(self._condition, self._moment, now):
            return
        fresh = self._condition.check(now)
        if self._moment is None or fresh != self._check:
            self._check, self._in_memory = fresh, fresh.in_memory()


def values_of(source: Source) -> Callable[[Any], Iterable[Any]]:
    """A function that returns the values of a source in the facts of a record, without missing ones."""
    match source:
        case Column():
            column = source.column
            return lambda facts: () if facts.values[column] is None else (facts.values[column],)
        case Custom():
            field_id = source.field_id
            return lambda facts: facts.custom.get(field_id, ())
        case TaggedAt():
            tag_id = source.tag_id
            return lambda facts: (facts.tags[tag_id],) if tag_id in facts.tags else ()
        case Tags():
            return lambda facts: facts.tags
        case Groups():
            return lambda facts: facts.groups
        case _:
            assert_never(source)
