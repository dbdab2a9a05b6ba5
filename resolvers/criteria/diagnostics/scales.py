"""Scales of days and moments that are in the same order at all times.

An hour ago lies before the start of today at some times and after it at others. The same is true of a day and 24 hours.
Days from today, months from today, and hours from now each keep their order, so that it can be found at any one moment.
"""

from datetime import date
from enum import Enum
from typing import Any, NamedTuple

from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.operators import OPERATORS
from resolvers.criteria.language.temporal import parts
from resolvers.criteria.language.tree import Condition
from resolvers.criteria.semantics.anniversaries import Anniversary
from resolvers.criteria.semantics.time import NAMED_DAYS, Anchor, At, FromNow, FromToday, NamedDay, Offset, itself


class Unit(Enum):
    """The unit of a scale. The value is the largest count with which no moment comes near the ends of the calendar."""

    MONTHS = 12_000
    DAYS = 365_000
    MINUTES = 500_000_000


class Origin(Enum):
    """The origin of a scale, if it is not a day relative to today."""

    NOW = "now"
    CALENDAR = "fixed days and moments"


class Scale(NamedTuple):
    """Days or moments that are always in the same order: those at so many units from an origin."""

    origin: Origin | Anchor
    unit: Unit | None = None


Scales = frozenset[Scale]

FIXED: Scales = frozenset([Scale(Origin.CALENDAR)])
_OF_DAYS = frozenset(OPERATORS[Family.DATE].values())


def scales(condition: Condition) -> Scales | None:
    """The scales on which all days and moments of a condition lie. None if it has neither."""
    found = [each for part in parts(condition.operand) if (each := _scales(part, of_days=is_of_days(condition))) is not None]
    return frozenset.intersection(*found) if found else None


def is_of_days(condition: Condition) -> bool:
    """Whether the condition compares days rather than moments."""
    return condition.operator in _OF_DAYS


def _scales(part: Any, *, of_days: bool) -> Scales | None:
    match part:
        case At() | date():
            return FIXED
        case NamedDay():
            return _from(*NAMED_DAYS[part])
        case FromToday(offset):
            return _from(itself, offset)
        case FromNow(offset):
            return _from(Origin.NOW, offset)
        case Offset():
            return _from(itself if of_days else Origin.NOW, part)
        case Anniversary():
            return frozenset()
        case _:
            return None


def _from(origin: Origin | Anchor, offset: Offset) -> Scales:
    counts = {
        Unit.MONTHS: offset.months,
        Unit.DAYS: 7 * offset.weeks + offset.days,
        Unit.MINUTES: 60 * offset.hours + offset.minutes,
    }
    used = [unit for unit, count in counts.items() if count]
    if len(used) > 1 or any(abs(count) > unit.value for unit, count in counts.items()):
        return frozenset()
    return frozenset(Scale(origin, unit) for unit in used or Unit)
