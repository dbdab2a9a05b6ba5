"""Days that come round every year, as ranges over all years that the calendar has."""

from calendar import isleap
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MINYEAR, date
from enum import StrEnum
from functools import lru_cache
from itertools import chain
from zoneinfo import ZoneInfo

from models.fields import to_day_number
from resolvers.criteria.ranges import Range, Ranges, normalised
from resolvers.criteria.time import CYCLE, FIRST_DAY, LAST_DAY, Offset, moved, start_of_day

LEAP_YEAR = 2024  # a year whose days stand for those of every year; only there has 29 February a place
LEAP_DAY = date(LEAP_YEAR, 2, 29).timetuple().tm_yday - 1
YEARS_IN_CYCLE = 400  # after which the calendar repeats itself
LONGEST_WINDOW = 366  # days; a longer one holds every day of the year just the same
REMEMBERED = 32  # sets of ranges, about a megabyte each; they change once a day


class AnniversaryKind(StrEnum):
    """Which days of the year are meant."""

    TODAY = "today"
    THIS_MONTH = "thisMonth"
    WITHIN_NEXT_DAYS = "withinNextDays"
    WITHIN_LAST_DAYS = "withinLastDays"


@dataclass(frozen=True, slots=True)
class Anniversary:
    """Days of the year, relative to today; `days` is the length of a window with today in it."""

    kind: AnniversaryKind
    days: int


def anniversary_days(anniversary: Anniversary, today: date) -> Ranges:
    """All days, of any year, whose anniversary is meant on this day."""
    return _every_year(tuple(sorted(_places(anniversary, today))))


@lru_cache(maxsize=REMEMBERED)
def anniversary_instants(anniversary: Anniversary, today: date, zone: ZoneInfo) -> Ranges:
    """All instants that lie on those days in a time zone."""
    days = anniversary_days(anniversary, today)
    return normalised((start_of_day(low, zone), start_of_day(high, zone)) for low, high in days)


def _places(anniversary: Anniversary, today: date) -> set[int]:
    """The places in a leap year, counted from 0, of the days that are meant."""
    if anniversary.kind is AnniversaryKind.THIS_MONTH:
        start = date(LEAP_YEAR, today.month, 1)
        return set(range(_place(start), _place(moved(start, Offset(months=1))) or LONGEST_WINDOW))
    return set(chain.from_iterable(_places_kept(day) for day in _window(anniversary, today)))


def _window(anniversary: Anniversary, today: date) -> Iterator[date]:
    backwards = anniversary.kind is AnniversaryKind.WITHIN_LAST_DAYS
    for distance in range(min(anniversary.days, LONGEST_WINDOW)):
        yield moved(today, Offset(days=-distance if backwards else distance))


def _places_kept(day: date) -> Iterator[int]:
    """The places whose anniversary is kept on this day: its own, and the leap day's on 28 February of a common year."""
    yield _place(day)
    if (day.month, day.day) == (2, 28) and not isleap(day.year):
        yield LEAP_DAY


def _place(day: date) -> int:
    return day.replace(year=LEAP_YEAR).timetuple().tm_yday - 1


@lru_cache(maxsize=REMEMBERED)
def _every_year(places: tuple[int, ...]) -> Ranges:
    runs = normalised((place, place + 1) for place in places)
    cycle = normalised(chain.from_iterable(_in_year(runs, year) for year in range(MINYEAR, MINYEAR + YEARS_IN_CYCLE)))
    starts = range(0, LAST_DAY - FIRST_DAY, CYCLE)
    return normalised((start + low, min(start + high, LAST_DAY + 1)) for start in starts for low, high in cycle)


def _in_year(runs: Ranges, year: int) -> Iterator[Range]:
    start, leap = to_day_number(date(year, 1, 1)), isleap(year)
    for low, high in runs:
        yield start + low - (low > LEAP_DAY and not leap), start + high - (high > LEAP_DAY and not leap)
