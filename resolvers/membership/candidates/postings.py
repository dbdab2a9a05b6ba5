"""Postings: under which changes, and for which contacts, a group is found in the inverted index.

A posting is a trigger with a guard. A trigger is a change that may make the group's criteria true or false: a value that is
added to a field or removed from it, or a question about the field that gets another answer. A guard is a value that the contact must
have before or after the write, or a question about a field: without it the criteria are false before and after.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple, assert_never
from zoneinfo import ZoneInfo

from resolvers.criteria.evaluation.predicate import NodePredicate, compile_node
from resolvers.criteria.language.mentions import ANY_TAG, EXISTENCE, Mention, existence
from resolvers.criteria.language.operators import IS_EMPTY, Quantifier
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.temporal import moves
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
    TaggedAt,
    Tags,
    Tree,
    walk,
)
from resolvers.criteria.semantics.checks import Check, OneOf, Within
from resolvers.criteria.semantics.time import Now

MOST_VALUES = 16  # of one condition that become keys; beyond it the condition becomes a question
BLOCK = 64  # groups without a guard that share a key, so that a revision copies only these

TAGS = Mention("tag", EXISTENCE)  # the field of all tags, in which a key is the id of a tag
GROUPS = Mention("group", EXISTENCE)  # likewise, with the ids of groups as keys
UNGUARDED = Mention("unguarded", "")  # stands for a field where there is no guard; its keys number blocks of groups
ANY_VALUE = None  # the key of a trigger that any change of the field sets off

# Estimates of the share of contacts that have one value: the rarest guards are chosen. A bad guess costs time and nothing else.
RARE = 0.01
TAG, CUSTOM, BOOLEAN, GROUP, QUESTION = 0.02, 0.05, 0.5, 0.5, 0.5
COLUMNS: dict[str | int, float] = {
    **dict.fromkeys(("email_folded", "phone_folded", "website_folded", "address_folded"), 0.0),
    **dict.fromkeys(("country_folded", "timezone_folded", "source_folded", "owner_id"), 0.1),
    "status_folded": 0.3,
}


def created_mention(record_type: RecordType) -> Mention:
    """The field that stands for the creation of a record of this type."""
    return Mention(record_type.noun, "new")


class Question:
    """A condition that is evaluated, because it has no few values that could be keys. Equal if they mean the same in the same time zone."""

    __slots__ = ("_hash", "answer", "condition", "ranges")

    def __init__(self, condition: Condition, check: Check) -> None:
        self.condition = condition
        self.answer: NodePredicate = compile_node(condition)
        # The values for which the answer is yes, if they are ranges that time does not move.
        self.ranges: tuple[tuple[Any, Any], ...] = check.ranges if isinstance(check, Within) and not moves(condition) else ()
        self._hash = hash(condition)  # computed once: it takes longer than the evaluation

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Question) and (self.condition, self.ranges) == (other.condition, other.ranges))


Key = str | int | Question | None  # a value, a question, or ANY_VALUE


class Trigger(NamedTuple):
    """A value that is added to a field or removed from it, or a question about the field that gets another answer."""

    mention: Mention
    key: Key


class QuestionsAbout(NamedTuple):
    """Stands for a field where guards are questions about that field."""

    mention: Mention


class Guard(NamedTuple):
    """A value that a field must have, or a question about the field that must be answered with yes."""

    guarded: Mention | QuestionsAbout
    key: Key


class Posting(NamedTuple):
    """A trigger of a group, with a guard."""

    trigger: Trigger
    guard: Guard


Guards = frozenset[Guard]  # alternatives: one of them must hold


def postings(group_id: int, tree: Tree, zone: ZoneInfo) -> set[Posting]:
    """The postings of a group with these criteria."""
    necessary = sorted(_necessary(tree.root, zone, holds=True), key=_share)
    lasting = [guards for guards in necessary if not any(map(_is_for_new_records, guards))]
    triggers = {trigger for node in walk(tree.root) for trigger in _triggers(node, zone)}
    new = Trigger(created_mention(tree.record_type), ANY_VALUE)
    return {
        *(Posting(trigger, guard) for trigger in triggers for guard in _guards(trigger, lasting, group_id)),
        *(Posting(new, guard) for guard in _guards(new, necessary, group_id)),
    }


def _is_for_new_records(guard: Guard) -> bool:
    """Whether a guard may be used for new records only.

    A contact's groups can change while a write is settled, but a new contact is in none. Guards that are questions take as
    long as the evaluation of a group, which pays only where a new record triggers all groups.
    """
    return guard.guarded == GROUPS or isinstance(guard.guarded, QuestionsAbout)


def _guards(trigger: Trigger, necessary: Iterable[Guards], group_id: int) -> Guards:
    """The rarest guards that do not contain the trigger itself, which the contact always has before or after the write."""
    found = next((guards for guards in necessary if Guard(*trigger) not in guards), None)
    return frozenset([Guard(UNGUARDED, group_id // BLOCK)]) if found is None or _share(found) >= 1 else found


def _share(guards: Guards) -> float:
    return sum(map(_share_of, guards))


def _share_of(guard: Guard) -> float:
    match guard.guarded:
        case Mention("tag"):
            return TAG
        case Mention("group"):
            return GROUP
        case Mention("custom"):
            return BOOLEAN if isinstance(guard.key, bool) else CUSTOM
        case Mention(_, column):
            return COLUMNS.get(column, RARE)
        case QuestionsAbout():
            return QUESTION


def _necessary(node: Node, zone: ZoneInfo, *, holds: bool) -> list[Guards]:
    """Sets of guards. Unless the contact meets one guard of each set, the node cannot evaluate to `holds`."""
    match node:
        case Condition():
            return _guards_of(node, zone) if node.negated is not holds else []
        case Not():
            return _necessary(node.child, zone, holds=not holds)
        case OfContact():
            return _necessary(node.child, zone, holds=holds)
        case Related():
            return []
        case AllOf() | AnyOf():
            below = [_necessary(child, zone, holds=holds) for child in node.children]
            if isinstance(node, AllOf) is holds:
                return list(chain.from_iterable(below))
            return [frozenset().union(*(min(found, key=_share) for found in below))] if all(below) else []
        case _:
            assert_never(node)


def _guards_of(condition: Condition, zone: ZoneInfo) -> list[Guards]:
    """The guards that follow from a condition that holds."""
    guards = [guard for trigger in _triggers(condition, zone) if (guard := _guard(trigger))]
    if condition.operator.quantifier is Quantifier.EACH:
        return [frozenset([guard]) for guard in guards]
    return [frozenset(guards)] if guards else []


def _guard(trigger: Trigger) -> Guard | None:
    if isinstance(trigger.key, Question):
        return Guard(QuestionsAbout(trigger.mention), trigger.key)
    return None if trigger.key is ANY_VALUE or trigger == (TAGS, ANY_TAG) else Guard(*trigger)


def _triggers(node: Node, zone: ZoneInfo) -> Iterator[Trigger]:
    match node:
        case Condition():
            yield from _condition_triggers(node, zone)
        case Related():
            yield Trigger(existence(node.record_type), ANY_VALUE)
        case _:
            return


def _condition_triggers(condition: Condition, zone: ZoneInfo) -> Iterator[Trigger]:
    match condition.source:
        case Tags():
            yield from (Trigger(TAGS, tag_id) for tag_id in ((ANY_TAG,) if condition.operator is IS_EMPTY else condition.operand))
        case TaggedAt():
            yield Trigger(TAGS, condition.source.tag_id)
        case Groups():
            yield from (Trigger(GROUPS, group_id) for group_id in condition.operand)
        case Column(record_type) if record_type is CONTACT:
            yield from _value_triggers(Mention(record_type.noun, condition.source.column), condition, zone)
        case Column(record_type):
            yield Trigger(Mention(record_type.noun, condition.source.column), ANY_VALUE)
        case Custom(field_id=0):
            yield Trigger(Mention("custom", 0), ANY_VALUE)  # a deleted field: there is no type by which values could be compared
        case Custom():
            yield from _value_triggers(Mention("custom", condition.source.field_id), condition, zone)
        case _:
            assert_never(condition.source)


def _value_triggers(mention: Mention, condition: Condition, zone: ZoneInfo) -> Iterator[Trigger]:
    check = condition.check(Now(0, zone))  # any moment will do: the values of a condition that time moves are not used
    values = [] if moves(condition) or condition.operator.quantifier is Quantifier.EXACTLY else _values(check)
    if 0 < len(values) <= MOST_VALUES:
        yield from (Trigger(mention, value) for value in values)
    else:
        yield Trigger(mention, Question(condition, check))


def _values(check: Check) -> list[Any]:
    """The values that pass the check, if they are few enough to be listed."""
    match check:
        case OneOf(values):
            return list(values)
        case Within(ranges) if all(isinstance(low, int) for low, _ in ranges) and sum(high - low for low, high in ranges) <= MOST_VALUES:
            return [value for low, high in ranges for value in range(low, high)]
        case _:
            return []
