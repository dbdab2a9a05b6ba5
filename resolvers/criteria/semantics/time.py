"""Moments, days and offsets in criteria, and their values at a moment in the account's time zone."""

from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo

from models.fields import MICROSECOND, from_day_number, from_microseconds, to_day_number, to_microseconds

MICROSECONDS_A_MINUTE = 60_000_000
MICROSECONDS_A_DAY = 86_400_000_000
EARLIEST = to_microseconds(datetime.min.replace(tzinfo=UTC))
LATEST = to_microseconds(datetime.max.replace(tzinfo=UTC))
FIRST_DAY = to_day_number(date.min)
LAST_DAY = to_day_number(date.max)
FIRST_MONTH, LAST_MONTH = 12, 9999 * 12 + 11  # months since the year 0

# The calendar repeats itself every 400 years, and so do time zones before their first change and after their last irregular
# one. Only the days between are looked up, so that the start of a day can be computed quickly for every year.
CYCLE = 146_097  # days
FIRST_CHANGE = to_day_number(date(1800, 1, 1))
REGULAR_FROM = to_day_number(date(2100, 1, 1))


@dataclass(frozen=True, slots=True)
class Now:
    """The moment of evaluation, as microseconds since 1970-01-01T00:00Z, and the account's time zone."""

    instant_us: int
    zone: ZoneInfo

    @property
    def local(self) -> datetime:
        """The wall clock in the account's time zone."""
        return from_microseconds(self.instant_us).astimezone(self.zone)

    @property
    def today(self) -> date:
        """The calendar day in the account's time zone."""
        return self.local.date()


@dataclass(frozen=True, slots=True)
class Offset:
    """A distance in time. Months, weeks and days move the date in the calendar, and then hours and minutes elapse."""

    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0

    def __neg__(self) -> "Offset":
        return Offset(-self.months, -self.weeks, -self.days, -self.hours, -self.minutes)


class NamedDay(StrEnum):
    """A day that is named relative to today."""

    TODAY = "TODAY"
    YESTERDAY = "YESTERDAY"
    TOMORROW = "TOMORROW"
    LAST_SUNDAY = "LAST_SUNDAY"
    SUNDAY_BEFORE_LAST = "SUNDAY_BEFORE_LAST"
    FIRST_DAY_OF_THIS_MONTH = "FIRST_DAY_OF_THIS_MONTH"
    FIRST_DAY_OF_LAST_MONTH = "FIRST_DAY_OF_LAST_MONTH"
    FIRST_DAY_OF_NEXT_MONTH = "FIRST_DAY_OF_NEXT_MONTH"
    THIS_DAY_LAST_MONTH = "THIS_DAY_LAST_MONTH"
    THIS_DAY_NEXT_MONTH = "THIS_DAY_NEXT_MONTH"
    FIRST_DAY_OF_THIS_YEAR = "FIRST_DAY_OF_THIS_YEAR"
    FIRST_DAY_OF_NEXT_YEAR = "FIRST_DAY_OF_NEXT_YEAR"
    THIS_DAY_LAST_YEAR = "THIS_DAY_LAST_YEAR"
    THIS_DAY_NEXT_YEAR = "THIS_DAY_NEXT_YEAR"


@dataclass(frozen=True, slots=True)
class FromToday:
    """The day at this offset from today."""

    offset: Offset


@dataclass(frozen=True, slots=True)
class At:
    """A fixed instant."""

    instant_us: int


@dataclass(frozen=True, slots=True)
class FromNow:
    """The moment at this offset from now."""

    offset: Offset


Day = date | NamedDay | FromToday


@dataclass(frozen=True, slots=True)
class StartOf:
    """The first moment of a day in the account's time zone."""

    day: Day


Moment = At | FromNow | StartOf


def itself(day: date) -> date:
    """The day that is given."""
    return day


def _sunday_before(day: date) -> date:
    return moved(day, Offset(days=-day.isoweekday()))


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _first_of_year(day: date) -> date:
    return day.replace(month=1, day=1)


Anchor = Callable[[date], date]

NAMED_DAYS: Mapping[NamedDay, tuple[Anchor, Offset]] = {
    NamedDay.TODAY: (itself, Offset()),
    NamedDay.YESTERDAY: (itself, Offset(days=-1)),
    NamedDay.TOMORROW: (itself, Offset(days=1)),
    NamedDay.LAST_SUNDAY: (_sunday_before, Offset()),
    NamedDay.SUNDAY_BEFORE_LAST: (_sunday_before, Offset(weeks=-1)),
    NamedDay.FIRST_DAY_OF_THIS_MONTH: (_first_of_month, Offset()),
    NamedDay.FIRST_DAY_OF_LAST_MONTH: (_first_of_month, Offset(months=-1)),
    NamedDay.FIRST_DAY_OF_NEXT_MONTH: (_first_of_month, Offset(months=1)),
    NamedDay.THIS_DAY_LAST_MONTH: (itself, Offset(months=-1)),
    NamedDay.THIS_DAY_NEXT_MONTH: (itself, Offset(months=1)),
    NamedDay.FIRST_DAY_OF_THIS_YEAR: (_first_of_year, Offset()),
    NamedDay.FIRST_DAY_OF_NEXT_YEAR: (_first_of_year, Offset(months=12)),
    NamedDay.THIS_DAY_LAST_YEAR: (itself, Offset(months=-12)),
    NamedDay.THIS_DAY_NEXT_YEAR: (itself, Offset(months=12)),
}


def moved(day: date, offset: Offset) -> date:
    """The day moved by the months, weeks and days of an offset, within the calendar."""
    month = _clamped(day.year * 12 + day.month - 1 + offset.months, FIRST_MONTH, LAST_MONTH)
    year, month = divmod(month, 12)
    month += 1
    start = date(year, month, min(day.day, monthrange(year, month)[1]))
    return from_day_number(_clamped(to_day_number(start) + 7 * offset.weeks + offset.days, FIRST_DAY, LAST_DAY))


def shifted(now: Now, offset: Offset) -> int:
    """The instant at this offset from now. First the local date moves in the calendar, then hours and minutes elapse."""
    instant = now.instant_us
    # Without a calendar part the wall clock is not used, so that the second of two repeated hours stays the second.
    if offset.months or 7 * offset.weeks + offset.days:
        local = now.local
        instant = instant_of(datetime.combine(moved(local.date(), offset), local.time()), now.zone)
    return _clamped(instant + (60 * offset.hours + offset.minutes) * MICROSECONDS_A_MINUTE, EARLIEST, LATEST)


def instant_of(wall: datetime, zone: ZoneInfo) -> int:
    """The instant of a wall time. A time that daylight saving skips moves forward by the gap, and of a repeated one the first is taken."""
    offset = wall.replace(tzinfo=zone, fold=0).utcoffset() or timedelta()
    return _clamped(to_microseconds(wall.replace(tzinfo=UTC)) - offset // MICROSECOND, EARLIEST, LATEST)


def start_of_day(number: int, zone: ZoneInfo) -> int:
    """The first instant of a day that is given by its number. Beyond the ends of the calendar, the earliest or latest instant."""
    if not FIRST_DAY <= number <= LAST_DAY:
        return EARLIEST if number < FIRST_DAY else LATEST + 1
    cycles = max(0, (number - REGULAR_FROM) // CYCLE) + min(0, (number - FIRST_CHANGE) // CYCLE + 1)
    start = _start_of_day(number - cycles * CYCLE, zone) + cycles * CYCLE * MICROSECONDS_A_DAY
    return _clamped(start, EARLIEST, LATEST)


@lru_cache(maxsize=4096)
def _start_of_day(number: int, zone: ZoneInfo) -> int:
    midnight = datetime.combine(from_day_number(number), time.min, zone)
    return number * MICROSECONDS_A_DAY - (midnight.utcoffset() or timedelta()) // MICROSECOND


def day_number(day: Day, now: Now) -> int:
    """The number of the day at this moment."""
    match day:
        case date():
            return to_day_number(day)
        case NamedDay():
            anchor, offset = NAMED_DAYS[day]
            return to_day_number(moved(anchor(now.today), offset))
        case FromToday():
            return to_day_number(moved(now.today, day.offset))
        case _:
            assert_never(day)


def instant(moment: Moment, now: Now) -> int:
    """The instant that a moment of criteria stands for at this moment."""
    match moment:
        case At():
            return moment.instant_us
        case FromNow():
            return shifted(now, moment.offset)
        case StartOf():
            return start_of_day(day_number(moment.day, now), now.zone)
        case _:
            assert_never(moment)


def _clamped(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))
