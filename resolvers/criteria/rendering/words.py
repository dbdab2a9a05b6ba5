"""Operands in words, as an English sentence says them: numbers, days, moments, offsets and names."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from models.fields import from_microseconds
from resolvers.criteria.semantics.anniversaries import Anniversary, AnniversaryKind
from resolvers.criteria.semantics.time import At, FromNow, FromToday, NamedDay, Offset, StartOf

MONTHS_A_YEAR = 12
MOST_SAID = 20  # values of a list that a sentence names: the others are counted

NAMED_DAYS: Mapping[NamedDay, str] = {
    NamedDay.LAST_SUNDAY: "last Sunday",
    NamedDay.SUNDAY_BEFORE_LAST: "the Sunday before last",
    NamedDay.FIRST_DAY_OF_THIS_MONTH: "the first day of this month",
    NamedDay.FIRST_DAY_OF_LAST_MONTH: "the first day of last month",
    NamedDay.FIRST_DAY_OF_NEXT_MONTH: "the first day of next month",
    NamedDay.FIRST_DAY_OF_THIS_YEAR: "the first day of this year",
    NamedDay.FIRST_DAY_OF_NEXT_YEAR: "the first day of next year",
}
ADVERBS = (NamedDay.TODAY, NamedDay.YESTERDAY, NamedDay.TOMORROW, NamedDay.LAST_SUNDAY)  # they take no "on"


class Direction(Enum):
    """The direction of a moment that is given by an offset from now or today."""

    PAST = "past"
    FUTURE = "future"


def listing(words: Sequence[str], conjunction: str) -> str:
    """A list of words, the last one joined by "and" or "or"."""
    said = list(words) if len(words) <= MOST_SAID else [*words[: MOST_SAID - 1], f"{len(words) - MOST_SAID + 1:,} others"]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} {conjunction} {said[-1]}"


def counted(number: int, noun: str) -> str:
    """A number of things."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def with_article(noun: str) -> str:
    """One thing of a kind, such as "an appointment" or "a deal"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def last_or_next(words: str) -> str:
    """A number of things after "the last" or "the next", where the number one is left out."""
    return words.removeprefix("1 ")


def in_words(value: Any, zone: ZoneInfo) -> str:
    """One operand, with instants in the account's time zone."""
    match value:
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:,f}"
        case Offset():
            return last_or_next(stretch(value))
        case Anniversary():
            return _anniversary(value)
        case At():
            return _instant(value, zone)
        case FromNow():
            return _from(value, "now")
        case StartOf():
            return f"the start of {_day(value.day)}"
        case date() | NamedDay() | FromToday():
            return _day(value)
        case _:
            return " ".join(str(value).split())


def on(value: Any, zone: ZoneInfo) -> str:
    """A day or an instant as the time of an event: "on 2 March 2026", but "yesterday" and "2 days ago"."""
    match value:
        case StartOf():
            return f"at {in_words(value, zone)}"
        case date() | At():
            return f"on {in_words(value, zone)}"
        case NamedDay() if value not in ADVERBS:
            return f"on {in_words(value, zone)}"
        case _:
            return in_words(value, zone)


def direction(value: Any) -> Direction | None:
    """The direction of an offset from now or today. None for other operands, and if its parts have different directions."""
    numbers = [number for _, number in _parts(value.offset)] if isinstance(value, FromNow | FromToday) else []
    if not numbers or min(numbers) < 0 < max(numbers):
        return None
    return Direction.FUTURE if min(numbers) > 0 else Direction.PAST


def stretch(offset: Offset) -> str:
    """An offset in words, without its direction."""
    parts = [counted(abs(number), noun) for noun, number in _parts(offset)]
    return listing(parts, "and")


def _parts(offset: Offset) -> list[tuple[str, int]]:
    # Not one year: "the last 12 months" is clearer than "the last year".
    in_years = offset.months % MONTHS_A_YEAR == 0 and abs(offset.months) > MONTHS_A_YEAR
    named = {"year": offset.months // MONTHS_A_YEAR} if in_years else {"month": offset.months}
    named |= {"week": offset.weeks, "day": offset.days, "hour": offset.hours, "minute": offset.minutes}
    return [(noun, number) for noun, number in named.items() if number]


def _from(value: FromNow | FromToday, anchor: str) -> str:
    offset = value.offset
    match direction(value):
        case Direction.PAST:
            return f"{stretch(offset)} ago"
        case Direction.FUTURE:
            return f"{stretch(offset)} from {anchor}"
        case None:
            return _sum(offset, anchor)


def _sum(offset: Offset, anchor: str) -> str:
    return anchor + "".join(f" {'plus' if number > 0 else 'minus'} {counted(abs(number), noun)}" for noun, number in _parts(offset))


def _day(day: date | NamedDay | FromToday) -> str:
    match day:
        case NamedDay():
            return NAMED_DAYS.get(day) or day.lower().replace("_", " ")
        case FromToday():
            return _from(day, "today")
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
            return f"in the next {last_or_next(counted(anniversary.days, 'day'))}"
        case AnniversaryKind.WITHIN_LAST_DAYS:
            return f"in the last {last_or_next(counted(anniversary.days, 'day'))}"
