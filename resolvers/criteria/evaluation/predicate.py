"""Criteria as a predicate: closures that judge one record in memory, made once and called often."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from resolvers.criteria.evaluation.facts import Facts, OwnedFacts
from resolvers.criteria.language.operators import Quantifier
from resolvers.criteria.language.record_types import RecordType
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
    walk,
)
from resolvers.criteria.semantics.checks import Check, InMemory, OneOf
from resolvers.criteria.semantics.time import Now

Predicate = Callable[[Facts, Now], bool]
Judge = Callable[[Any, Now], bool]  # of facts of the one kind that a node is about

ANY_MOMENT = Now(0, ZoneInfo("UTC"))  # for leaves that are about neither now nor a day


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be loaded of a contact, beyond its columns, to judge a record."""

    tags: bool = False
    custom: bool = False
    groups: bool = False
    owned: frozenset[RecordType] = frozenset()

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.tags or other.tags,
            self.custom or other.custom,
            self.groups or other.groups,
            self.owned | other.owned,
        )


def needs(tree: Tree) -> Needs:
    """What the tree's predicate looks at."""
    sources = [node.source for node in walk(tree.root) if isinstance(node, Condition)]
    return Needs(
        tags=any(isinstance(source, Tags | TaggedAt) for source in sources),
        custom=any(isinstance(source, Custom) for source in sources),
        groups=any(isinstance(source, Groups) for source in sources),
        owned=frozenset(node.record_type for node in walk(tree.root) if isinstance(node, Related)),
    )


def compile_predicate(tree: Tree) -> Predicate:
    """The function that tells of a record, at a moment, whether the tree is true."""
    return judge(tree.root)


def judge(node: Node) -> Judge:
    """The function that judges one node, given the facts of the record that the node is about."""
    asked: list[_Once] = []
    found = _judge(node, asked)
    return _anew(found, asked) if asked else found


class _Once:
    """A condition on the contact that several records have in common: it is evaluated for the first record only.

    Otherwise relations within each other would take as many steps as there are records, to the power of their depth.
    """

    __slots__ = ("_answer", "_judge")

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._answer: bool | None = None

    def __call__(self, facts: Any, now: Now) -> bool:
        if self._answer is None:
            self._answer = self._judge(facts.contact, now)
        return self._answer

    def forget(self) -> None:
        """Ask anew: it is another contact, or the same one in other groups."""
        self._answer = None


def _judge(node: Node, asked: list[_Once]) -> Judge:
    """As above; what is asked of the contact is added to the list."""
    match node:
        case AllOf():
            return _all([_judge(child, asked) for child in node.children])
        case AnyOf():
            return _any([_judge(child, asked) for child in node.children])
        case Not():
            return _not(_judge(node.child, asked))
        case OfContact():
            asked.append(_Once(judge(node.child)))
            return asked[-1]
        case Related():
            return _related(node)
        case Condition():
            return _condition(node)
        case _:
            assert_never(node)


def _all(judges: list[Judge]) -> Judge:
    def holds(facts: Any, now: Now) -> bool:
        for each in judges:  # noqa: SIM110  # a generator would double the time
            if not each(facts, now):
                return False
        return True

    return holds


def _any(judges: list[Judge]) -> Judge:
    def holds(facts: Any, now: Now) -> bool:
        for each in judges:  # noqa: SIM110  # as above
            if each(facts, now):
                return True
        return False

    return holds


def _not(child: Judge) -> Judge:
    return lambda facts, now: not child(facts, now)


def _anew(judge: Judge, asked: list[_Once]) -> Judge:
    def holds(facts: Any, now: Now) -> bool:
        for each in asked:
            each.forget()
        return judge(facts, now)

    return holds


def _related(related: Related) -> Judge:
    met, least, negated = related_ones(related), related.least, related.negated
    return lambda facts, now: (len(met(facts, now)) >= least) is not negated


def related_ones(related: Related) -> Callable[[Any, Now], Sequence[OwnedFacts]]:
    """How to find the records of a contact that meet the condition of the relation."""
    record_type = related.record_type
    if related.where is None:
        return lambda facts, _now: facts.owned.get(record_type, ())
    asked: list[_Once] = []
    holds = _judge(related.where, asked)

    def met(facts: Any, now: Now) -> list[OwnedFacts]:
        for each in asked:
            each.forget()
        return [record for record in facts.owned.get(record_type, ()) if holds(record, now)]

    return met


def _condition(condition: Condition) -> Judge:
    if condition.operator.quantifier is not Quantifier.SOME:
        return _each(condition)
    check_at, negated = _check_at(condition), condition.negated
    if isinstance(condition.source, Column):
        return _column_condition(condition.source.column, check_at, negated=negated)
    values = values_of(condition.source)
    return lambda facts, now: any(map(check_at(now), values(facts))) is not negated


def _column_condition(column: str, check_at: Callable[[Now], InMemory], *, negated: bool) -> Judge:
    """The commonest leaf, apart because there is no set of values to build."""

    def holds(facts: Any, now: Now) -> bool:
        value = facts.values[column]
        return (value is not None and check_at(now)(value)) is not negated

    return holds


def _each(condition: Condition) -> Judge:
    check, values = condition.check(ANY_MOMENT), values_of(condition.source)
    wanted = check.values if isinstance(check, OneOf) else frozenset()
    if condition.operator.quantifier is Quantifier.EXACTLY:
        return lambda facts, _now: wanted == frozenset(values(facts))
    return lambda facts, _now: wanted.issubset(values(facts))


def _check_at(condition: Condition) -> Callable[[Now], InMemory]:
    """The leaf's check at a moment, made anew only when the moment makes a difference."""
    if not is_zoned(condition):
        in_memory = condition.check(ANY_MOMENT).in_memory()
        return lambda _now: in_memory
    return _Remembered(condition).at


class _Remembered:
    """The check of the moment that was asked for last, as every record is judged at the same one."""

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
    """How to find the values of a source that are there."""
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
