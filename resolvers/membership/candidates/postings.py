"""Under what a group is found: the changes that can flip it, and what a contact must hold to be worth a look.

A posting is a trigger with a guard. The trigger is a value that comes or goes at a place where the criteria look, or a
question about the values there. The guard is a value that the contact must hold before or after the write, or a question:
otherwise the criteria are false before and after, whatever else has changed.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple, assert_never
from zoneinfo import ZoneInfo

from models import RecordType
from resolvers.criteria.evaluation.predicate import Judge, judge
from resolvers.criteria.language.mentions import ANY_TAG, EXISTENCE, Mention
from resolvers.criteria.language.operators import IS_EMPTY, Quantifier
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

MOST_VALUES = 16  # of one condition that are keys of their own
BLOCK = 64  # groups without a guard that are kept together

TAGS = Mention("tag", EXISTENCE)  # the place of all tags; a key names one
GROUPS = Mention("group", EXISTENCE)
NEW = {RecordType.CONTACT: Mention("contact", "new"), RecordType.APPOINTMENT: Mention("appointment", "new")}
NOWHERE = Mention("appointment", "nowhere")  # the place of no guard; a key there only numbers a block of groups
ANYHOW = None  # the key of changes that are not told apart by value

# About how large a share of contacts has one value: guards should be rare. A bad guess costs time and nothing else.
RARE = 0.01
TAG, CUSTOM, BOOLEAN, GROUP, ASKED = 0.02, 0.05, 0.5, 0.5, 0.5
COLUMNS: dict[str | int, float] = {
    **dict.fromkeys(("email_folded", "phone_folded", "website_folded", "address_folded"), 0.0),
    **dict.fromkeys(("country_folded", "timezone_folded", "source_folded", "owner_id"), 0.1),
    "status_folded": 0.3,
}


class Question:
    """A condition that is asked, because no single value leads to it; two that ask the same in the same time zone are equal."""

    __slots__ = ("_hash", "condition", "judge", "ranges")

    def __init__(self, condition: Condition, check: Check) -> None:
        self.condition = condition
        self.judge: Judge = judge(condition)
        # Where the answer is yes, if that never changes and hangs on the order of values.
        self.ranges: tuple[tuple[Any, Any], ...] = check.ranges if isinstance(check, Within) and not moves(condition) else ()
        self._hash = hash(condition)  # kept, because working it out takes longer than asking

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Question) and (self.condition, self.ranges) == (other.condition, other.ranges))


Key = str | int | Question | None  # a value, a question, or anyhow


class Trigger(NamedTuple):
    """A value that comes or goes at a place, or a question that is answered otherwise than before."""

    place: Mention
    key: Key


class Asked(NamedTuple):
    """The place of guards that are questions about a place."""

    about: Mention


class Guard(NamedTuple):
    """A value that is held at a place, or a question about it, to which some value there must say yes."""

    place: Mention | Asked
    key: Key


class Posting(NamedTuple):
    """A trigger of a group, with a guard."""

    trigger: Trigger
    guard: Guard


Guards = frozenset[Guard]  # one of which at least must let the contact through


def postings(group_id: int, tree: Tree, zone: ZoneInfo) -> set[Posting]:
    """Everything under which a group with these criteria is found."""
    necessary = sorted(_necessary(tree.root, zone, holds=True), key=_share)
    lasting = [guards for guards in necessary if not any(map(_is_of_new_records, guards))]
    triggers = {trigger for node in walk(tree.root) for trigger in _triggers(node, zone)}
    new = Trigger(NEW[tree.record_type], ANYHOW)
    return {
        *(Posting(trigger, guard) for trigger in triggers for guard in _guards(trigger, lasting, group_id)),
        *(Posting(new, guard) for guard in _guards(new, necessary, group_id)),
    }


def _is_of_new_records(guard: Guard) -> bool:
    """Whether a guard is for new records only.

    In which groups a contact is can change while a write is settled, but a new one is in none. And where groups have
    been triggered, judging them takes no longer than asking the guards.
    """
    return guard.place == GROUPS or isinstance(guard.place, Asked)


def _guards(trigger: Trigger, necessary: Iterable[Guards], group_id: int) -> Guards:
    """The rarest guards, among them not the trigger itself, which always passes for held."""
    found = next((guards for guards in necessary if Guard(*trigger) not in guards), None)
    return frozenset([Guard(NOWHERE, group_id // BLOCK)]) if found is None or _share(found) >= 1 else found


def _share(guards: Guards) -> float:
    return sum(map(_share_of, guards))


def _share_of(guard: Guard) -> float:
    match guard.place:
        case Mention("tag"):
            return TAG
        case Mention("group"):
            return GROUP
        case Mention("custom"):
            return BOOLEAN if isinstance(guard.key, bool) else CUSTOM
        case Mention(_, column):
            return COLUMNS.get(column, RARE)
        case Asked():
            return ASKED


def _necessary(node: Node, zone: ZoneInfo, *, holds: bool) -> list[Guards]:
    """Sets of values of which the contact must hold one each, or the node cannot come out as `holds` says."""
    match node:
        case Condition():
            return _held(node, zone) if node.negated is not holds else []
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


def _held(condition: Condition, zone: ZoneInfo) -> list[Guards]:
    """The guards of a condition that is met."""
    guards = [guard for trigger in _triggers(condition, zone) if (guard := _guard(trigger))]
    if condition.operator.quantifier is Quantifier.EACH:
        return [frozenset([guard]) for guard in guards]
    return [frozenset(guards)] if guards else []


def _guard(trigger: Trigger) -> Guard | None:
    if isinstance(trigger.key, Question):
        return Guard(Asked(trigger.place), trigger.key)
    return None if trigger.key is ANYHOW or trigger == (TAGS, ANY_TAG) else Guard(*trigger)


def _triggers(node: Node, zone: ZoneInfo) -> Iterator[Trigger]:
    match node:
        case Condition():
            yield from _of_condition(node, zone)
        case Related():
            yield Trigger(Mention("appointment", EXISTENCE), ANYHOW)
        case _:
            return


def _of_condition(condition: Condition, zone: ZoneInfo) -> Iterator[Trigger]:
    match condition.source:
        case Tags():
            yield from (Trigger(TAGS, tag_id) for tag_id in ((ANY_TAG,) if condition.operator is IS_EMPTY else condition.operand))
        case TaggedAt():
            yield Trigger(TAGS, condition.source.tag_id)
        case Groups():
            yield from (Trigger(GROUPS, group_id) for group_id in condition.operand)
        case Column(record_type=RecordType.APPOINTMENT):
            yield Trigger(Mention("appointment", condition.source.column), ANYHOW)
        case Column():
            yield from _of_values(Mention("contact", condition.source.column), condition, zone)
        case Custom(field_id=0):
            yield Trigger(Mention("custom", 0), ANYHOW)  # values of a field that is gone are of no kind that could be compared
        case Custom():
            yield from _of_values(Mention("custom", condition.source.field_id), condition, zone)
        case _:
            assert_never(condition.source)


def _of_values(place: Mention, condition: Condition, zone: ZoneInfo) -> Iterator[Trigger]:
    check = condition.check(Now(0, zone))  # of a condition that time moves, only the kind is of interest
    values = [] if moves(condition) or condition.operator.quantifier is Quantifier.EXACTLY else _values(check)
    if 0 < len(values) <= MOST_VALUES:
        yield from (Trigger(place, value) for value in values)
    else:
        yield Trigger(place, Question(condition, check))


def _values(check: Check) -> list[Any]:
    """The values that pass, if they are few enough to be counted."""
    match check:
        case OneOf(values):
            return list(values)
        case Within(ranges) if all(isinstance(low, int) for low, _ in ranges) and sum(high - low for low, high in ranges) <= MOST_VALUES:
            return [value for low, high in ranges for value in range(low, high)]
        case _:
            return []
