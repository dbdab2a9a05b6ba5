"""Criteria as a predicate: closures that judge one record in memory, made once and called often."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from resolvers.criteria.checks import InMemory, OneOf
from resolvers.criteria.facts import Facts
from resolvers.criteria.operators import Quantifier
from resolvers.criteria.temporal import is_zoned
from resolvers.criteria.time import Now
from resolvers.criteria.tree import (
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

Predicate = Callable[[Facts, Now], bool]
Judge = Callable[[Any, Now], bool]  # of facts of the one kind that a node is about

ANY_MOMENT = Now(0, ZoneInfo("UTC"))  # for leaves that are about neither now nor a day


@dataclass(frozen=True, slots=True)
class Needs:
    """What must be loaded of a contact, beyond its columns, to judge a record."""

    tags: bool = False
    custom: bool = False
    appointments: bool = False
    groups: bool = False

    def __or__(self, other: "Needs") -> "Needs":
        return Needs(
            self.tags or other.tags,
            self.custom or other.custom,
            self.appointments or other.appointments,
            self.groups or other.groups,
        )


def needs(tree: Tree) -> Needs:
    """What the tree's predicate looks at."""
    sources = [node.source for node in walk(tree.root) if isinstance(node, Condition)]
    return Needs(
        tags=any(isinstance(source, Tags | TaggedAt) for source in sources),
        custom=any(isinstance(source, Custom) for source in sources),
        appointments=any(isinstance(node, Related) for node in walk(tree.root)),
        groups=any(isinstance(source, Groups) for source in sources),
    )


def compile_predicate(tree: Tree) -> Predicate:
    """The function that tells of a record, at a moment, whether the tree is true."""
    return judge(tree.root)


def judge(node: Node) -> Judge:
    """The function that judges one node, given the facts of the record that the node is about."""
    match node:
        case AllOf():
            return _all([judge(child) for child in node.children])
        case AnyOf():
            return _any([judge(child) for child in node.children])
        case Not():
            return _not(judge(node.child))
        case OfContact():
            return _of_contact(judge(node.child))
        case Related():
            return _related(judge(node.where) if node.where else None, node.least, negated=node.negated)
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


def _of_contact(child: Judge) -> Judge:
    return lambda facts, now: child(facts.contact, now)


def _related(child: Judge | None, least: int, *, negated: bool) -> Judge:
    def holds(facts: Any, now: Now) -> bool:
        found = sum(1 for appointment in facts.appointments if child is None or child(appointment, now))
        return (found >= least) is not negated

    return holds


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
    check = condition.check(ANY_MOMENT)
    in_memory = check.in_memory()
    if not is_zoned(condition):
        return lambda _now: in_memory
    moment = ANY_MOMENT

    def check_at(now: Now) -> InMemory:
        nonlocal check, in_memory, moment
        if now is not moment:
            moment, fresh = now, condition.check(now)
            if fresh != check:
                check, in_memory = fresh, fresh.in_memory()
        return in_memory

    return check_at


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
