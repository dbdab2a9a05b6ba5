"""Operands in words: numbers, days, moments, stretches of time and names, as an English sentence says them."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from models.fields import from_microseconds
from resolvers.criteria.anniversaries import Anniversary, AnniversaryKind
from resolvers.criteria.time import At, FromNow, FromToday, NamedDay, Offset, StartOf

MOST_SAID = 20  # values of a list that a sentence names; the others are counted

NAMED_DAYS: Mapping[NamedDay, str] = {
    NamedDay.LAST_SUNDAY: "last Sunday",
    NamedDay.SUNDAY_BEFORE_LAST: "the Sunday before last",
    NamedDay.FIRST_DAY_OF_THIS_MONTH: "the first day of this month",
    NamedDay.FIRST_DAY_OF_LAST_MONTH: "the first day of last month",
    NamedDay.FIRST_DAY_OF_NEXT_MONTH: "the first day of next month",
    NamedDay.FIRST_DAY_OF_THIS_YEAR: "the first day of this year",
    NamedDay.FIRST_DAY_OF_NEXT_YEAR: "the first day of next year",
}


def listing(words: Sequence[str], conjunction: str) -> str:
    """Words in a row, the last one joined by "and" or "or"."""
    said = list(words) if len(words) <= MOST_SAID else [*words[: MOST_SAID - 1], f"{len(words) - MOST_SAID + 1:,} others"]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} {conjunction} {said[-1]}"


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}" if abs(number) == 1 else f"{number:,} {noun}s"


def in_words(value: Any, zone: ZoneInfo) -> str:
    """One operand, with instants in the account's time zone."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:,f}"
        case Offset():
            return stretch(value)
        case Anniversary():
            return _anniversary(value)
        case At():
            return _instant(value, zone)
        case FromNow():
            return _from(value.offset, "now")
        case StartOf():
            return f"the start of {_day(value.day)}"
        case date() | NamedDay() | FromToday():
            return _day(value)
        case _:
            return " ".join(str(value).split())


def stretch(offset: Offset) -> str:
    """A stretch of time without its direction."""
    parts = [counted(abs(number), noun) for noun, number in _parts(offset)]
    return listing(parts, "and")


def _parts(offset: Offset) -> list[tuple[str, int]]:
    named = {"month": offset.months, "week": offset.weeks, "day": offset.days, "hour": offset.hours, "minute": offset.minutes}
    return [(noun, number) for noun, number in named.items() if number]


def _from(offset: Offset, anchor: str) -> str:
    numbers = [number for _, number in _parts(offset)]
    if not numbers:
        return anchor
    if min(numbers) > 0:
        return f"{stretch(offset)} from {anchor}"
    if max(numbers) < 0:
        return f"{stretch(offset)} {'ago' if anchor == 'now' else 'before ' + anchor}"
    return anchor + "".join(f" {'plus' if number > 0 else 'minus'} {counted(abs(number), noun)}" for noun, number in _parts(offset))


def _day(day: date | NamedDay | FromToday) -> str:
    match day:
        case NamedDay():
            return NAMED_DAYS.get(day) or day.lower().replace("_", " ")
        case FromToday():
            return _from(day.offset, "today")
        case _:
            return f"{day.day} {day:%B} {day.year}"


def _instant(at: At, zone: ZoneInfo) -> str:
    try:
        local = from_microseconds(at.instant_us).astimezone(zone)
    except OverflowError:  # the last hours of the calendar, where the zone's day would be the next year's
        local = from_microseconds(at.instant_us)
    exact = "auto" if local.second or local.microsecond else "minutes"
    return f"{_day(local.date())}, {local.time().isoformat(exact)} ({local.tzname()})"


def _anniversary(anniversary: Anniversary) -> str:
    match anniversary.kind:
        case AnniversaryKind.TODAY:
            return "today"
        case AnniversaryKind.THIS_MONTH:
            return "this month"
        case AnniversaryKind.WITHIN_NEXT_DAYS:
            return f"in the next {counted(anniversary.days, 'day')}"
        case AnniversaryKind.WITHIN_LAST_DAYS:
            return f"in the last {counted(anniversary.days, 'day')}"
