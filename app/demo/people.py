"""Generates the contacts and appointments of the demo data. The same number gives the same data, except for times."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from unicodedata import normalize

from app.demo.names import COUNTRIES, FIRMS, JOBS, MEETINGS, PLACES, SOURCES, STATUSES, STREETS, TAGS, Country
from resolvers.records.drafts import Row

SEED = 20_260_101
PLANS = ("Free", "Team", "Business")
PLAN, SEATS, RENEWS_ON = "plan", "seats", "renewsOn"
SOON = tuple(timedelta(minutes=minutes) for minutes in (1, 2, 3, 5, 8, 13))
MOST_TAGS = 4
YOUNGEST = date(2006, 12, 31)
SHARES = {"spent": 0.6, "birthday": 0.7, "last_activity_at": 0.8}  # the share of contacts that have a value


@dataclass(frozen=True, slots=True)
class Meeting:
    """An appointment, and the position of its contact."""

    contact: int
    values: dict[str, Any]


class Generator:
    """Generates contacts and appointments around a point in time."""

    def __init__(self, now: datetime) -> None:
        self._random = Random(SEED)
        self._now = now

    def rows(self, count: int) -> Iterator[Row]:
        """Generate this many contacts with distinct e-mail addresses."""
        for number in range(count):
            country = self._random.choices(COUNTRIES, [country.share for country in COUNTRIES])[0]
            yield Row(self._person(number, country), tuple({"name": name} for name in self._tags()), create_missing_tags=True)

    def meetings(self, count: int, contacts: int) -> Iterator[Meeting]:
        """Generate appointments: a few within the next minutes, the others up to three weeks in the past or future."""
        for number in range(count):
            away = SOON[number] if number < len(SOON) else timedelta(minutes=15 * self._random.randint(-2000, 2000))
            starts_at = self._now + away
            yield Meeting(self._random.randrange(contacts), self._meeting(starts_at, past=away < timedelta()))

    def _meeting(self, starts_at: datetime, *, past: bool) -> dict[str, Any]:
        return {
            "title": self._random.choice(MEETINGS),
            "location": self._random.choice(PLACES),
            "starts_at": starts_at,
            "ends_at": starts_at + timedelta(minutes=self._random.choice((15, 30, 60))),
            "status": self._random.choices(("COMPLETED", "NO_SHOW", "CANCELLED"), (8, 1, 1))[0] if past else "SCHEDULED",
        }

    def _person(self, number: int, country: Country) -> dict[str, Any]:
        pick = self._random.choice
        first, last = pick(country.first_names), pick(country.last_names)
        city, state, postal_code = pick(country.cities)
        return {
            "email": f"{_plain(first)}.{_plain(last)}.{number + 1}@{country.domain}",
            "first_name": first,
            "last_name": last,
            "phone": self._digits(country.phone),
            "company": pick(FIRMS),
            "job_title": pick(JOBS),
            "address": f"{self._random.randint(1, 180)} {pick(STREETS)}",
            "city": city,
            "state": state,
            "country": country.name,
            "postal_code": postal_code,
            "timezone": country.timezone,
            "source": pick(SOURCES),
            "status": self._random.choices(STATUSES, (4, 5, 2, 1))[0],
            **self._history(),
        }

    def _history(self) -> dict[str, Any]:
        """Generate values that some contacts lack, as in real data."""
        found: dict[str, Any] = {
            "score": round(100 * self._random.betavariate(2, 3)),
            "spent": Decimal(round(self._random.expovariate(1 / 80_000))).scaleb(-2),
            "birthday": YOUNGEST - timedelta(days=self._random.randrange(55 * 365)),
            "last_activity_at": self._now - timedelta(minutes=round(self._random.expovariate(1 / 60_000))),
            "custom_fields": self._custom(),
        }
        return {name: value for name, value in found.items() if self._random.random() < SHARES.get(name, 1)}

    def _custom(self) -> dict[str, Any]:
        plan = self._random.choices((None, *PLANS), (3, 4, 2, 1))[0]
        if plan is None:
            return {}
        renews_on = (self._now + timedelta(days=self._random.randint(-30, 335))).date()
        return {PLAN: plan, SEATS: self._random.randint(1, 40), RENEWS_ON: renews_on.isoformat()}

    def _tags(self) -> set[str]:
        """Choose tags. Most contacts get few, and the n-th tag is 1/n as frequent as the first."""
        weights = [1 / rank for rank in range(1, len(TAGS) + 1)]
        return set(self._random.choices(TAGS, weights, k=self._random.randint(0, MOST_TAGS)))

    def _digits(self, pattern: str) -> str:
        return "".join(str(self._random.randrange(10)) if character == "#" else character for character in pattern)


def _plain(name: str) -> str:
    """Convert a name to the form that it has in an e-mail address."""
    return normalize("NFKD", name.lower().replace("ß", "ss")).encode("ascii", "ignore").decode()
