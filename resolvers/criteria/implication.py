"""What leaves about one source say about each other: which excludes which, and which follows from which.

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
from resolvers.criteria.tree import Condition, Node, Not

MOST_VALUES = 50  # comparing two lists takes the product of their lengths
SAMPLES = 50
SAMPLE_STEP = 29 * MICROSECONDS_A_DAY + MICROSECONDS_A_DAY // 7
OF_MANY_VALUES = ("containsAny", "containsNone", "memberOfAny", "memberOfNone")


class Claim(NamedTuple):
    """A leaf, or the opposite of one."""

    condition: Condition
    negated: bool

    @property
    def opposite(self) -> "Claim":
        """What is true exactly where this is false."""
        return Claim(self.condition, not self.negated)


def claim(node: Node) -> Claim | None:
    """The node as a claim about some value of one source, if it is one that can be compared in time."""
    if isinstance(node, Not):
        found = claim(node.child)
        return found and found.opposite
    if isinstance(node, Condition) and node.operator.quantifier is Quantifier.SOME and not _is_large(node):
        return Claim(node, node.negated)
    return None


def _is_large(condition: Condition) -> bool:
    """Whether there are too many values, or ranges, as every anniversary has one a year."""
    operand = condition.operand
    return isinstance(operand, Anniversary) or (isinstance(operand, tuple) and len(operand) > MOST_VALUES)


def excludes(one: Claim, other: Claim, *, zone: ZoneInfo) -> bool:
    """Whether no record meets both."""
    if one.condition.source != other.condition.source or not constant(one.condition, other.condition):
        return False
    return all(_excludes(one, other, now=now) for now in moments(zone, one.condition, other.condition))


def constant(*conditions: Condition) -> bool:
    """Whether the relation of these leaves stays the same as time passes: not where some of them stand still and others move."""
    return not (any(map(moves, conditions)) and any(map(names_dates, conditions)))


def implies(one: Claim, other: Claim, *, zone: ZoneInfo) -> bool:
    """Whether every record that meets the one meets the other."""
    return excludes(one, other.opposite, zone=zone)


def moments(zone: ZoneInfo, *conditions: Condition) -> Iterator[Now]:
    """The moments at which these leaves have to be looked at."""
    count = SAMPLES if any(map(moves, conditions)) else 1
    return (Now(index * SAMPLE_STEP, zone) for index in range(count))


def _excludes(one: Claim, other: Claim, *, now: Now) -> bool:
    first, second = one.condition.check(now), other.condition.check(now)
    match one.negated, other.negated:
        case False, False:
            return one.condition.operator.name not in OF_MANY_VALUES and _apart(first, second)
        case False, True:
            return _inside(first, second)
        case True, False:
            return _inside(second, first)
        case _:
            return False  # a missing value meets both


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
