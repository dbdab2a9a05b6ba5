"""Which of two conditions on the same source excludes the other, and which follows from the other.

True holds for every record at any time. False only means that it is not known.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from resolvers.criteria.diagnostics.readings import Checks, Reading, possible_orders
from resolvers.criteria.language.operators import Quantifier
from resolvers.criteria.language.tree import Condition, Related
from resolvers.criteria.semantics.checks import Check, Containing, Ending, OneOf, Present, Within
from resolvers.criteria.semantics.ranges import difference, normalised

LEAST_EFFORT = 20  # comparing two claims takes at least as long as comparing so many pairs of values
OF_MANY_VALUES = ("containsAny", "containsAll", "containsNone", "memberOfAny", "memberOfAll", "memberOfNone")


class Claim(NamedTuple):
    """A condition or a relation, or the opposite of either. Equal nodes have the same `number`."""

    node: Condition | Related
    number: int
    negated: bool
    reading: Reading | None = None
    where: int | None = None

    @property
    def about(self) -> object:
        """What the claim is about. Only claims about the same thing are compared."""
        return self.node.source if isinstance(self.node, Condition) else self.node.record_type

    @property
    def opposite(self) -> "Claim":
        """What is true exactly where this is false."""
        return self._replace(negated=not self.negated)


def effort(one: Claim, other: Claim) -> int:
    """The effort of comparing two claims, in pairs of values."""
    sizes = [claim.reading.size if claim.reading else 1 for claim in (one, other)]
    return LEAST_EFFORT + sizes[0] * sizes[1]


def excludes(one: Claim, other: Claim) -> bool:
    """Whether no record meets both."""
    if one.number == other.number:
        return one.negated is not other.negated
    match one.negated, other.negated:
        case False, False:
            return _are_apart(one, other)
        case False, True:
            return _follows(one, other)
        case True, False:
            return _follows(other, one)
        case _:
            return False  # a record without a value meets both


def implies(one: Claim, other: Claim) -> bool:
    """Whether every record that meets the one meets the other."""
    return excludes(one, other.opposite)


def _are_apart(one: Claim, other: Claim) -> bool:
    of_many = [isinstance(claim.node, Condition) and claim.node.operator.name in OF_MANY_VALUES for claim in (one, other)]
    return (
        not all(of_many) and bool(found := _possible_orders(one, other)) and all(_apart(left.check, right.check) for left, right in found)
    )


def _follows(one: Claim, other: Claim) -> bool:
    """Whether the other, without its negation, is true for every record for which the one is true."""
    match one.node, other.node:
        case Related(), Related():
            return one.node.least >= other.node.least and other.where in (None, one.where)
        case Condition(), Condition() if other.node.operator.quantifier is not Quantifier.EXACTLY:
            found = _possible_orders(one, other)
            return bool(found) and all(_each_follows(left.each, right.each) for left, right in found)
        case _:
            return False


def _possible_orders(one: Claim, other: Claim) -> Sequence[tuple[Checks, Checks]]:
    return possible_orders(one.reading, other.reading) if one.reading and other.reading else ()


def _each_follows(given: Iterable[Check], wanted: Iterable[Check]) -> bool:
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
