"""Parses operands about time: instants, days, offsets and anniversaries."""

import re
from datetime import date, datetime
from functools import partial
from typing import Any

from models.fields import to_microseconds
from resolvers.criteria.language.operands import Read, affirmed, at_least_one, whole
from resolvers.criteria.language.place import Place, listed, members, one_key, quoted, together
from resolvers.criteria.semantics.anniversaries import Anniversary, AnniversaryKind
from resolvers.criteria.semantics.time import EARLIEST, LATEST, At, Day, FromNow, FromToday, Moment, NamedDay, Offset, StartOf

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)", re.ASCII)
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
OFFSET_OF_DAYS = ("months", "weeks", "days")
OFFSET_OF_INSTANTS = (*OFFSET_OF_DAYS, "hours", "minutes")


def instant(value: Any, place: Place) -> At:
    """An instant with its offset from UTC."""
    form = 'An instant is written like "2026-03-29T09:30:00+02:00": with seconds, at most six digits after them, and an offset or Z.'
    written = value.upper() if isinstance(value, str) else ""
    if not INSTANT.fullmatch(written):
        raise place.invalid(form)
    try:
        found = to_microseconds(datetime.fromisoformat(written))
    except ValueError:
        raise place.invalid(f"{quoted(value)} does not exist. {form}") from None
    if not EARLIEST <= found <= LATEST:
        raise place.invalid("The instant must lie in the years 1 to 9999 UTC.")
    return At(found)


def calendar_day(value: Any, place: Place) -> date:
    """A day of the calendar."""
    if not isinstance(value, str) or not DAY.fullmatch(value):
        raise place.invalid('A date is written like "2026-03-29".')
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise place.invalid(f"{quoted(value)} is not in the calendar: give a date that exists.") from None


def named_day(value: Any, place: Place) -> NamedDay:
    """A day given by a name such as TODAY."""
    if not isinstance(value, str) or value not in NamedDay.__members__:
        raise place.invalid(f"The name of a day belongs here, one of {listed(NamedDay)}.")
    return NamedDay(value)


def offset(value: Any, place: Place) -> Offset:
    """An offset between instants."""
    return _offset(members(value, place, optional=OFFSET_OF_INSTANTS), place)


def day_offset(value: Any, place: Place) -> Offset:
    """An offset between days."""
    found = members(value, place, optional=OFFSET_OF_INSTANTS)
    for key in found.keys() - OFFSET_OF_DAYS:
        if found[key] != 0:
            raise place.at(key).invalid(f"Days are whole: give {listed(OFFSET_OF_DAYS)} instead of `{key}`.")
    return _offset(found, place)


def _offset(found: dict[str, Any], place: Place) -> Offset:
    parts = together(partial(whole, part, place.at(key)) for key, part in found.items())
    return Offset(**dict(zip(found, parts, strict=True)))


def positive(read: Read[Offset]) -> Read[Offset]:
    """A parser of offsets that are positive. The operator decides in which direction they are applied."""

    def read_positive(value: Any, place: Place) -> Offset:
        found = read(value, place)
        parts = (found.months, found.weeks, found.days, found.hours, found.minutes)
        if min(parts) < 0 or max(parts) == 0:
            raise place.invalid("The stretch of time must be positive: give at least one part above zero and none below, like {days: 30}.")
        return found

    return read_positive


def day(value: Any, place: Place) -> Day:
    """A fixed day, a named day, or an offset from today."""
    key, held = one_key(value, place, allowed=("date", "named", "today"))
    match key:
        case "date":
            return calendar_day(held, place.at(key))
        case "named":
            return named_day(held, place.at(key))
        case _:
            return FromToday(day_offset(held, place.at(key)))


def moment(value: Any, place: Place) -> Moment:
    """A fixed instant, an offset from now, or the start of a day."""
    key, held = one_key(value, place, allowed=("at", "now", "day"))
    match key:
        case "at":
            return instant(held, place.at(key))
        case "now":
            return FromNow(offset(held, place.at(key)))
        case _:
            return StartOf(day(held, place.at(key)))


def anniversary(value: Any, place: Place) -> Anniversary:
    """A condition on the day of the year, in any year."""
    key, held = one_key(value, place, allowed=[kind.value for kind in AnniversaryKind])
    kind = AnniversaryKind(key)
    read: Read[int] = affirmed if kind in (AnniversaryKind.TODAY, AnniversaryKind.THIS_MONTH) else at_least_one
    return Anniversary(kind, int(read(held, place.at(key))))
