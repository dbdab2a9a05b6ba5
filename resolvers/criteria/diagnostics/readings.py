"""What leaves ask, looked at once and compared often: where days and moments move, at a moment that stands for all others."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from resolvers.criteria.diagnostics.scales import FIXED, Scales, Unit, is_of_days, scales
from resolvers.criteria.language.operators import Quantifier
from resolvers.criteria.language.tree import Condition
from resolvers.criteria.semantics.anniversaries import Anniversary
from resolvers.criteria.semantics.checks import Check, OneOf, Within
from resolvers.criteria.semantics.ranges import normalised
from resolvers.criteria.semantics.time import MICROSECONDS_A_DAY, Now

MOST_VALUES = 50  # comparing two lists takes the product of their lengths
MOST_WANTED = 10  # where each is wanted, every one is compared by itself
UTC = ZoneInfo("UTC")


class Asked(NamedTuple):
    """What a leaf asks: the check, and the checks of which each is passed by some value."""

    check: Check
    each: Sequence[Check]


class Reading:
    """What a leaf asks at a moment that stands for all others, worked out when it is first compared."""

    def __init__(self, condition: Condition, zone: ZoneInfo) -> None:
        self._condition = condition
        self._zone = zone
        self.size = len(condition.operand) if isinstance(condition.operand, tuple) else 1

    @cached_property
    def scales(self) -> Scales | None:
        """The scales on which all that it names has a place."""
        return scales(self._condition)

    @cached_property
    def usual(self) -> Asked:
        """What it asks; where that moves, in a zone without surprises, as the order is the same in all of them."""
        return _asked(self._condition, self._condition.check(Now(0, UTC if self._moves else self._zone)))

    @cached_property
    def skipping(self) -> Asked:
        """What it asks if every day is one that the time zone skips, as happens once in a while.

        Then what comes after the first moment of a day comes after the first moment of the next day, too.
        """
        check = self.usual.check
        if not self._moves or is_of_days(self._condition) or not isinstance(check, Within):
            return self.usual
        return _asked(self._condition, Within(normalised((_past_a_day(low), _past_a_day(high)) for low, high in check.ranges)))

    @property
    def _moves(self) -> bool:
        return self.scales not in (None, FIXED)

    @property
    def is_impossible(self) -> bool:
        """Whether values are asked for in no range at all, at any time."""
        checks = (self.usual.check, self.skipping.check)
        return self.scales != frozenset() and all(isinstance(check, Within) and not check.ranges for check in checks)


def is_small(condition: Condition) -> bool:
    """Whether there are not too many values; of ranges, every anniversary has one a year."""
    most = MOST_VALUES if condition.operator.quantifier is Quantifier.SOME else MOST_WANTED
    return not isinstance(condition.operand, Anniversary) and not (isinstance(condition.operand, tuple) and len(condition.operand) > most)


def _asked(condition: Condition, check: Check) -> Asked:
    if condition.operator.quantifier is Quantifier.SOME or not isinstance(check, OneOf):
        return Asked(check, [check])
    return Asked(check, [OneOf(frozenset([value])) for value in check.values])


def _past_a_day(bound: int) -> int:
    """The bound, a day later if it is just after a moment that lies whole days from the epoch, as all do that are named."""
    return bound + MICROSECONDS_A_DAY if bound % MICROSECONDS_A_DAY == 1 else bound


def worlds(one: Reading, other: Reading) -> Sequence[tuple[Asked, Asked]]:
    """What two leaves ask, in each of the ways in which it can stand; nothing if that cannot be told."""
    usual = (one.usual, other.usual)
    if one.scales is None or other.scales is None:
        return (usual,)
    common = one.scales & other.scales
    if any(scale.unit in (None, Unit.MINUTES) for scale in common):
        return (usual,)  # no minute is ever skipped
    return (usual, (one.skipping, other.skipping)) if common else ()
