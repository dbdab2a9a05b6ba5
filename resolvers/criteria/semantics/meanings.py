"""The meanings of operators: functions from an operand and a moment to the check that values must pass.

Comparisons of numbers, days and instants become ranges of stored integers. Queries, predicates and the boundaries in time
are computed from the same ranges, so that they cannot differ.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from models.fields import DECIMAL_PLACES, to_day_number, to_units
from models.text import fold, prefix_end
from resolvers.criteria.semantics.anniversaries import DAY_TURNS, INSTANT_TURNS, Anniversary, anniversary_days, anniversary_instants
from resolvers.criteria.semantics.checks import Check, Containing, Ending, OneOf, Present, Recurring, Within
from resolvers.criteria.semantics.ranges import HIGHEST, LOWEST, Range, normalised
from resolvers.criteria.semantics.time import Day, Now, Offset, day_number, moved, shifted, start_of_day

UNITS_IN_ONE = 10**DECIMAL_PLACES

Meaning = Callable[[Any, Now], Check]
Position = Callable[[Any, Now], int]


def present(_operand: bool, _now: Now) -> Check:
    """There is a value."""
    return Present()


def same(value: bool, _now: Now) -> Check:
    """The value is this one."""
    return OneOf(frozenset([value]))


def one_of(values: Iterable[Any], _now: Now) -> Check:
    """The value is one of these."""
    return OneOf(frozenset(values))


def equal_text(values: Iterable[str], _now: Now) -> Check:
    """The text is one of these."""
    return OneOf(frozenset(map(fold, values)))


def containing(values: Iterable[str], _now: Now) -> Check:
    """One of these stands somewhere in the text."""
    return Containing(tuple(sorted({fold(value) for value in values})))


def starting(values: Iterable[str], _now: Now) -> Check:
    """The text starts with one of these."""
    return Within(normalised((start, end) for start in map(fold, values) if (end := prefix_end(start))))


def ending(values: Iterable[str], _now: Now) -> Check:
    """The text ends with one of these."""
    return Ending(tuple(sorted({fold(value) for value in values})))


def within(bounds: Callable[[Any, Now], Iterable[Range]]) -> Meaning:
    """The value lies in one of these ranges."""
    return lambda operand, now: Within(normalised(bounds(operand, now)))


def below(position: Position) -> Meaning:
    """The value lies before the operand."""
    return within(lambda operand, now: [(LOWEST, position(operand, now))])


def up_to(position: Position) -> Meaning:
    """The value lies before the operand, or there."""
    return within(lambda operand, now: [(LOWEST, position(operand, now) + 1)])


def above(position: Position) -> Meaning:
    """The value lies after the operand."""
    return within(lambda operand, now: [(position(operand, now) + 1, HIGHEST)])


def at_or_above(position: Position) -> Meaning:
    """The value lies after the operand, or there."""
    return within(lambda operand, now: [(position(operand, now), HIGHEST)])


def between(position: Position, *, inclusive: bool) -> Meaning:
    """The value lies from the lower bound on and before the upper one, or there too."""
    return within(lambda span, now: [(position(span.low, now), position(span.high, now) + inclusive)])


def any_of(position: Position) -> Meaning:
    """The value is one of the operands."""
    return within(lambda values, now: [(found, found + 1) for found in (position(value, now) for value in values)])


def units(value: Decimal, _now: Now) -> int:
    """The position of a decimal."""
    return to_units(value)


def last_days(reach: Offset, now: Now) -> list[Range]:
    """So many days up to and with today."""
    return [(to_day_number(moved(now.today, -reach)) + 1, to_day_number(now.today) + 1)]


def next_days(reach: Offset, now: Now) -> list[Range]:
    """So many days from today on, today among them."""
    return [(to_day_number(now.today), to_day_number(moved(now.today, reach)))]


def last_instants(reach: Offset, now: Now) -> list[Range]:
    """The time after the instant so long ago, up to and with now."""
    return [(shifted(now, -reach) + 1, now.instant_us + 1)]


def next_instants(reach: Offset, now: Now) -> list[Range]:
    """The time from now on, before the instant so far ahead."""
    return [(now.instant_us, shifted(now, reach))]


def instants_on(days: Iterable[Day], now: Now) -> list[Range]:
    """These days from their first instant on, before the first of the next day."""
    numbers = [day_number(day, now) for day in days]
    return [(start_of_day(number, now.zone), start_of_day(number + 1, now.zone)) for number in numbers]


def days_of_year(wanted: Anniversary, now: Now) -> Check:
    """Days whose anniversary is meant."""
    return Recurring(anniversary_days(wanted, now.today), DAY_TURNS)


def instants_of_year(wanted: Anniversary, now: Now) -> Check:
    """Instants on days whose anniversary is meant."""
    return Recurring(anniversary_instants(wanted, now.today, now.zone), INSTANT_TURNS)


def in_wholes(meaning: Meaning) -> Meaning:
    """The same about values that are stored as whole numbers, not as units of a decimal."""

    def check(operand: Any, now: Now) -> Check:
        found = meaning(operand, now)
        if not isinstance(found, Within):
            return found
        return Within(normalised((_whole(low), _whole(high)) for low, high in found.ranges))

    return check


def _whole(bound: int) -> int:
    """The least whole number at or above a bound in units."""
    return bound if bound in (LOWEST, HIGHEST) else -(-bound // UNITS_IN_ONE)
