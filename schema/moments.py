"""The inputs of time in criteria: days and instants, fixed or relative to now."""

import datetime

import strawberry
from strawberry import UNSET

from resolvers.criteria.semantics.time import NamedDay

strawberry.enum(NamedDay)


@strawberry.input
class Offset:
    """A distance in time."""

    months: int = 0
    weeks: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0


@strawberry.input(one_of=True)
class Day:
    """A calendar day."""

    date: datetime.date | None = UNSET
    named: NamedDay | None = UNSET
    today: Offset | None = UNSET


@strawberry.input
class DayRange:
    """A range of days."""

    from_: Day = strawberry.field(name="from")
    to: Day


@strawberry.input(one_of=True)
class Moment:
    """An instant."""

    at: datetime.datetime | None = UNSET
    now: Offset | None = UNSET
    day: Day | None = UNSET
