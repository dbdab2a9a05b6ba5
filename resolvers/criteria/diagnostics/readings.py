"""The checks of conditions in a form that can be compared. Those that move with time are taken at one moment that stands for all."""

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


class Checks(NamedTuple):
    """The check of a condition, and the checks of which each must be passed by some value."""

    check: Check
    each: Sequence[Check]


class Reading:
    """The checks of a condition at a moment that stands for all others. They are computed when they are first compared."""

    def __init__(self, condition: Condition, zone: ZoneInfo) -> None:
        self._condition = condition
        self._zone = zone
        self.size = len(condition.operand) if isinstance(condition.operand, tuple) else 1

    @cached_property
    def scales(self) -> Scales | None:
        """The scales on which all of its days and moments lie."""
        return scales(self._condition)

    @cached_property
    def usual(self) -> Checks:
        """The check. If it moves with time, it is taken in UTC, because the order is the same in every time zone."""
        return _checks(self._condition, self._condition.check(Now(0, UTC if self._moves else self._zone)))

    @cached_property
    def skipping(self) -> Checks:
        """The check if every day is one that the time zone skips, as time zones now and then do.

        Then whatever comes after the first moment of a day also comes after the first moment of the next day.
        """
        check = self.usual.check
        if not self._moves or is_of_days(self._condition) or not isinstance(check, Within):
            return self.usual
        return _checks(self._condition, Within(normalised((_past_a_day(low), _past_a_day(high)) for low, high in check.ranges)))

    @property
    def _moves(self) -> bool:
        return self.scales not in (None, FIXED)

    @property
    def is_impossible(self) -> bool:
        """Whether no value passes the check, at any time."""
        checks = (self.usual.check, self.skipping.check)
        return self.scales != frozenset() and all(isinstance(check, Within) and not check.ranges for check in checks)


def is_small(condition: Condition) -> bool:
    """Whether the condition has few enough values to be compared. Anniversaries have a range for each year."""
    most = MOST_VALUES if condition.operator.quantifier is Quantifier.SOME else MOST_WANTED
    return not isinstance(condition.operand, Anniversary) and not (isinstance(condition.operand, tuple) and len(condition.operand) > most)


def _checks(condition: Condition, check: Check) -> Checks:
    if condition.operator.quantifier is Quantifier.SOME or not isinstance(check, OneOf):
        return Checks(check, [check])
    return Checks(check, [OneOf(frozenset([value])) for value in check.values])


def _past_a_day(bound: int) -> int:
    """The bound, a day later if it is just after the start of a day."""
    return bound + MICROSECONDS_A_DAY if bound % MICROSECONDS_A_DAY == 1 else bound


def possible_orders(one: Reading, other: Reading) -> Sequence[tuple[Checks, Checks]]:
    """The checks of two conditions in each possible order of their moments. Empty if the order is not known."""
    usual = (one.usual, other.usual)
    if one.scales is None or other.scales is None:
        return (usual,)
    common = one.scales & other.scales
    if any(scale.unit in (None, Unit.MINUTES) for scale in common):
        return (usual,)  # no minute is ever skipped
    return (usual, (one.skipping, other.skipping)) if common else ()
