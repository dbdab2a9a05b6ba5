"""What conditions about the same thing say about each other: which excludes which, and which follows from which.

Where the answer hangs on the time it is taken at sample moments, spread over months, days and hours. True means that no
record was overlooked; False means only that nothing is known.
"""

from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from resolvers.criteria.anniversaries import Anniversary
from resolvers.criteria.checks import Check, Containing, Ending, OneOf, Present, Within
from resolvers.criteria.operators import Quantifier
from resolvers.criteria.ranges import difference, normalised
from resolvers.criteria.temporal import moves, names_dates
from resolvers.criteria.time import MICROSECONDS_A_DAY, Now
from resolvers.criteria.tree import Condition, Node, Not, Related

MOST_VALUES = 50  # comparing two lists takes the product of their lengths
MOST_WANTED = 10  # where each is wanted, every one is compared by itself
SAMPLES = 50
SAMPLE_STEP = 29 * MICROSECONDS_A_DAY + MICROSECONDS_A_DAY // 7
OF_MANY_VALUES = ("containsAny", "containsAll", "containsNone", "memberOfAny", "memberOfAll", "memberOfNone")


class Claim(NamedTuple):
    """A leaf, or that there are related records, or the opposite of either."""

    node: Condition | Related
    negated: bool

    @property
    def about(self) -> object:
        """What two claims must share to have anything to do with each other."""
        return self.node.source if isinstance(self.node, Condition) else Related

    @property
    def opposite(self) -> "Claim":
        """What is true exactly where this is false."""
        return Claim(self.node, not self.negated)


def claim(node: Node) -> Claim | None:
    """The node as a claim, if it is one that can be compared in time."""
    if isinstance(node, Not):
        found = claim(node.child)
        return found and found.opposite
    if isinstance(node, Related) or (isinstance(node, Condition) and not _is_large(node)):
        return Claim(node, node.negated)
    return None


def _is_large(condition: Condition) -> bool:
    """Whether there are too many values, or ranges, as every anniversary has one a year."""
    most = MOST_VALUES if condition.operator.quantifier is Quantifier.SOME else MOST_WANTED
    return isinstance(condition.operand, Anniversary) or (isinstance(condition.operand, tuple) and len(condition.operand) > most)


def excludes(one: Claim, other: Claim, *, zone: ZoneInfo) -> bool:
    """Whether no record meets both."""
    if one.node == other.node:
        return one.negated is not other.negated
    match one.negated, other.negated:
        case False, False:
            return _apart_always(one.node, other.node, zone=zone)
        case False, True:
            return _follows_always(one.node, other.node, zone=zone)
        case True, False:
            return _follows_always(other.node, one.node, zone=zone)
        case _:
            return False  # a record without a value meets both


def implies(one: Claim, other: Claim, *, zone: ZoneInfo) -> bool:
    """Whether every record that meets the one meets the other."""
    return excludes(one, other.opposite, zone=zone)


def constant(*conditions: Condition) -> bool:
    """Whether the relation of these leaves stays the same as time passes: not where some of them stand still and others move."""
    return not (any(map(moves, conditions)) and any(map(names_dates, conditions)))


def moments(zone: ZoneInfo, *conditions: Condition) -> Iterator[Now]:
    """The moments at which these leaves have to be looked at."""
    count = SAMPLES if any(map(moves, conditions)) else 1
    return (Now(index * SAMPLE_STEP, zone) for index in range(count))


def _apart_always(one: Condition | Related, other: Condition | Related, *, zone: ZoneInfo) -> bool:
    match one, other:
        case Condition(), Condition() if _comparable(one, other) and one.operator.name not in OF_MANY_VALUES:
            return all(_apart(one.check(now), other.check(now)) for now in moments(zone, one, other))
        case _:
            return False


def _follows_always(one: Condition | Related, other: Condition | Related, *, zone: ZoneInfo) -> bool:
    """Whether the other, without its negation, is true wherever the one is."""
    match one, other:
        case Related(), Related():
            return one.least >= other.least and other.where in (None, one.where)
        case Condition(), Condition() if _comparable(one, other) and other.operator.quantifier is not Quantifier.EXACTLY:
            return all(_follows(_wanted(one, now), _wanted(other, now)) for now in moments(zone, one, other))
        case _:
            return False


def _comparable(one: Condition, other: Condition) -> bool:
    return one.source == other.source and constant(one, other)


def _wanted(condition: Condition, now: Now) -> list[Check]:
    """Checks of which each is passed by some value."""
    check = condition.check(now)
    if condition.operator.quantifier is Quantifier.SOME or not isinstance(check, OneOf):
        return [check]
    return [OneOf(frozenset([value])) for value in check.values]


def _follows(given: list[Check], wanted: list[Check]) -> bool:
    return all(any(_inside(one, other) for one in given) for other in wanted)


def _inside(one: Check, other: Check) -> bool:
    """Whether every value that passes the one passes the other."""
    match one, other:
        case _, Present():
            return True
        case OneOf(values), _:
            return all(map(other.in_memory(), values))
        case Within(ranges), Within(others):
            return normalised([*ranges, *others]) == others
        case (Containing(parts), Containing()) | (Ending(parts), Ending() | Containing()):
            return all(map(other.in_memory(), parts))
        case _:
            return False


def _apart(one: Check, other: Check) -> bool:
    """Whether no value passes both."""
    match one, other:
        case OneOf(values), _:
            return not any(map(other.in_memory(), values))
        case _, OneOf():
            return _apart(other, one)
        case Within(ranges), Within(others):
            return difference(ranges, others) == normalised([*ranges, *others])
        case _:
            return False
