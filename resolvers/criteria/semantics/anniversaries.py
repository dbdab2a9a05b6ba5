"""Days of the year in any year, as ranges over some centuries, which repeat for all other years of the calendar."""

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

from models.fields import to_day_number
from resolvers.criteria.semantics.ranges import Range, Ranges, normalised, turns
from resolvers.criteria.semantics.time import CYCLE, EARLIEST, FIRST_DAY, LAST_DAY, LATEST, MICROSECONDS_A_DAY, Offset, moved, start_of_day

LEAP_YEAR = 2024  # a year whose days stand for those of every year, with 29 February among them
LEAP_DAY = date(LEAP_YEAR, 2, 29).timetuple().tm_yday - 1
LONGEST_WINDOW = 366  # days: a longer one holds every day of the year, too
REMEMBERED = 64  # sets of ranges of a tenth of a megabyte each, which change once a day

# The years whose ranges are computed. All others repeat them: the calendar repeats itself after 400 years, and time zones,
# which are irregular only between 1800 and 2100, do so in the four centuries before and after that.
YEARS = range(1900, 2300)
ZONED_YEARS = range(1400, 2500)


class AnniversaryKind(StrEnum):
    """The days of the year that a condition selects."""

    TODAY = "today"
    THIS_MONTH = "thisMonth"
    WITHIN_NEXT_DAYS = "withinNextDays"
    WITHIN_LAST_DAYS = "withinLastDays"


@dataclass(frozen=True, slots=True)
class Anniversary:
    """Days of the year, relative to today. `days` is the length of a window that includes today."""

    kind: AnniversaryKind
    days: int


@lru_cache(maxsize=REMEMBERED)
def anniversary_days(anniversary: Anniversary, today: date) -> Ranges:
    """The days of `YEARS` that a condition selects if this is today. They recur in `DAY_TURNS`."""
    return _days(anniversary, today, YEARS)


@lru_cache(maxsize=REMEMBERED)
def anniversary_instants(anniversary: Anniversary, today: date, zone: ZoneInfo) -> Ranges:
    """The instants of `ZONED_YEARS` on those days in a time zone. They recur in `INSTANT_TURNS`."""
    # Where the first year begins in London, the one before it has not ended in New York.
    years = range(ZONED_YEARS.start - 1, ZONED_YEARS.stop + 1)
    return normalised((start_of_day(low, zone), start_of_day(high, zone)) for low, high in _days(anniversary, today, years))


def _days(anniversary: Anniversary, today: date, years: range) -> Ranges:
    runs = normalised((place, place + 1) for place in _places(anniversary, today))
    return normalised(chain.from_iterable(_in_year(runs, year) for year in years))


def _places(anniversary: Anniversary, today: date) -> set[int]:
    """The positions of the selected days in a leap year, counted from 0."""
    if anniversary.kind is AnniversaryKind.THIS_MONTH:
        start = date(LEAP_YEAR, today.month, 1)
        return set(range(_place(start), _place(moved(start, Offset(months=1))) or LONGEST_WINDOW))
    return set(chain.from_iterable(_places_kept(day) for day in _window(anniversary, today)))


def _window(anniversary: Anniversary, today: date) -> Iterator[date]:
    backwards = anniversary.kind is AnniversaryKind.WITHIN_LAST_DAYS
    for distance in range(min(anniversary.days, LONGEST_WINDOW)):
        yield moved(today, Offset(days=-distance if backwards else distance))


def _places_kept(day: date) -> Iterator[int]:
    """The positions of the days whose anniversary is this day: its own, and on 28 February of a common year the leap day's."""
    yield _place(day)
    if (day.month, day.day) == (2, 28) and not isleap(day.year):
        yield LEAP_DAY


def _place(day: date) -> int:
    return day.replace(year=LEAP_YEAR).timetuple().tm_yday - 1


def _in_year(runs: Ranges, year: int) -> Iterator[Range]:
    start, leap = to_day_number(date(year, 1, 1)), isleap(year)
    for low, high in runs:
        yield start + low - (low > LEAP_DAY and not leap), start + high - (high > LEAP_DAY and not leap)


def _starts(years: range) -> Range:
    first, end = (to_day_number(date(year, 1, 1)) for year in (years.start, years.stop))
    return first, end


def _in_microseconds(days: Range) -> Range:
    return days[0] * MICROSECONDS_A_DAY, days[1] * MICROSECONDS_A_DAY


DAY_TURNS = turns(_starts(YEARS), period=CYCLE, within=(FIRST_DAY, LAST_DAY + 1))
INSTANT_TURNS = turns(_in_microseconds(_starts(ZONED_YEARS)), period=CYCLE * MICROSECONDS_A_DAY, within=(EARLIEST, LATEST + 1))
