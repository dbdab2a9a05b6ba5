"""An account as large as asked for: contacts with tags, appointments, custom values and groups, the same at every run.

Everything is skewed as real data are: a few countries and tags hold most of the contacts, many values are missing, and
a second, smaller account stands row by row among the first one's.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import accumulate, product
from typing import Any, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from app.composition import PRODUCT
from models import FieldType
from models.fields import to_day_number, to_microseconds
from models.text import fold
from resolvers.criteria.language.names import FieldName, GroupName, Vocabulary
from resolvers.criteria.language.record_types import CONTACT

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
NOW_US = to_microseconds(NOW)
DAY_US = 86_400_000_000
ZONE = ZoneInfo("America/New_York")
NOBODY = '{"contacts":{"postalCode":{"equals":["nowhere"]}}}'
SEED = 20_260_615
CHUNK = 20_000

ACCOUNT, OTHER_ACCOUNT = 1, 2
OTHER_EVERY = 11  # every eleventh contact is the other account's
USERS = 20
NEWSLETTER, BOARD, CLIENT, PARTNER = 1, 2, 3, 4
TAGS = 100
SHARES = {NEWSLETTER: 0.6, BOARD: 0.001, CLIENT: 0.15, PARTNER: 0.08}
FURTHER_TAGS = 1.17  # of a contact, on average, by Zipf's law: two taggings in all
GOLD, SILVER, BRONZE = 1, 2, 3
GROUP_SHARES = {GOLD: 0.1, SILVER: 0.3, BRONZE: 0.01}
POINTS, COLOUR, RENEWAL = 1, 2, 3
FIELDS = (
    FieldName(POINTS, "points", "Points", FieldType.NUMBER),
    FieldName(COLOUR, "colour", "Colour", FieldType.DROPDOWN, ("Red", "Green", "Blue", "Yellow", "Violet", "Black", "White", "Grey")),
    FieldName(RENEWAL, "renewal", "Renewal", FieldType.DATE),
)

T = TypeVar("T")
COUNTRIES = {
    **{"United States": 20, "Mexico": 12, "Canada": 8, "Germany": 9, "France": 7, "Brazil": 7, "India": 6, "Spain": 5, "Italy": 4},
    **{"Japan": 3, "Poland": 3, "Chile": 2, "Peru": 2, "Sweden": 2, "Norway": 1, "Austria": 1, "Belgium": 1, "Ireland": 1, "Iceland": 0.2},
}
STATUSES = {"Customer": 30, "Lead": 45, "Churned": 10, "Prospect": 15}
SOURCES = {"Web": 50, "Referral": 20, "Event": 15, "Import": 10, "Phone": 5}
APPOINTMENT_STATUSES = {"SCHEDULED": 30, "COMPLETED": 50, "CANCELLED": 15, "NO_SHOW": 5}
SYLLABLES = ("ba", "cor", "del", "fa", "gre", "hol", "jan", "kel", "lin", "mar", "nor", "pe", "ros", "smi", "tor", "wal")
WORDS = [first + second for first, second in product(SYLLABLES, repeat=2)]
LAST_NAMES = [word + end for word in WORDS for end in ("", "th", "son", "er", "ez", "ski", "i", "mann")]
COMPANIES = [f"{word} {kind}" for word in WORDS for kind in ("Foods", "Labs", "Bank", "Steel", "Biotech", "Law", "Media", "Travel")]
HOSTS = {"example.com": 60, "example.net": 30, "example.org": 10}


class Batch(NamedTuple):
    """Rows of one table."""

    table: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def vocabulary() -> Vocabulary:
    """The names that criteria about the larger account can use."""
    tags = {number: f"Tag {number}" for number in range(1, TAGS + 1)} | {NEWSLETTER: "Newsletter", BOARD: "Board", CLIENT: "Client"}
    return Vocabulary(
        account_id=ACCOUNT,
        record_types=PRODUCT.record_types,
        zone=ZONE,
        tags=tags,
        tags_by_name={fold(name): number for number, name in tags.items()},
        fields={field.key: field for field in FIELDS},
        groups={number: GroupName(f"Group {number}", CONTACT) for number in GROUP_SHARES},
        users={number: f"User {number}" for number in range(1, USERS + 1)},
    )


def batches(contacts: int) -> Iterator[Batch]:
    """All rows, ordered so that references exist. `contacts` is the number of the larger account's contacts."""
    chance = random.Random(SEED)
    yield from _settings()
    last = contacts + contacts // (OTHER_EVERY - 1)
    for start in range(1, last + 1, CHUNK):
        yield from _Chunk(chance, range(start, min(start + CHUNK, last + 1))).batches()


def _settings() -> Iterator[Batch]:
    stamps = (NOW_US, NOW_US)
    accounts = [(n, f"Account {n}", ZONE.key, 1, *stamps) for n in (ACCOUNT, OTHER_ACCOUNT)]
    yield Batch("accounts", ("id", "name", "timezone", "definitions_version", "created_at", "updated_at"), accounts)
    users = [(n, ACCOUNT, f"User {n}", f"u{n}@example.com", f"u{n}@example.com", "EDITOR", *stamps) for n in range(1, USERS + 1)]
    yield Batch("users", ("id", "account_id", "name", "email", "email_folded", "role", "created_at", "updated_at"), users)
    tags = [(n, ACCOUNT, f"Tag {n}", f"tag {n}", *stamps) for n in range(1, TAGS + 1)]
    others = [(TAGS + n, OTHER_ACCOUNT, f"Tag {n}", f"tag {n}", *stamps) for n in range(1, TAGS + 1)]
    yield Batch("tags", ("id", "account_id", "name", "name_folded", "created_at", "updated_at"), tags + others)
    fields = [(field.id, ACCOUNT, field.key, field.label, field.type.value, *stamps) for field in FIELDS]
    yield Batch("custom_fields", ("id", "account_id", "key", "label", "type", "created_at", "updated_at"), fields)
    yield _groups()


def _groups() -> Batch:
    # Their members are given; by these criteria no write of a benchmark moves any.
    rows = [
        (n, ACCOUNT, f"Group {n}", f"group {n}", "CONTACT", NOBODY, "", "", "READY", "", 0, 0, 0, 0, n, 0, NOW_US, NOW_US)
        for n in GROUP_SHARES
    ]
    names = ("id", "account_id", "name", "name_folded", "record_type", "criteria", "view", "edit", "state", "epoch")
    numbers = ("position", "version", "definition_version", "member_count", "members_id", "scanned_to", "created_at", "updated_at")
    return Batch("groups", (*names, *numbers), rows)


class _Chunk:
    """Some consecutive contacts and all that is theirs."""

    def __init__(self, chance: random.Random, numbers: range) -> None:
        self.chance = chance
        self.numbers = numbers
        self.accounts = [OTHER_ACCOUNT if number % OTHER_EVERY == 0 else ACCOUNT for number in numbers]

    def batches(self) -> Iterator[Batch]:
        yield self._contacts()
        yield self._taggings()
        yield self._appointments()
        yield self._custom_values()
        yield self._members()

    def _contacts(self) -> Batch:
        numbers = self.numbers
        last_names = self._zipf(LAST_NAMES)
        hosts = self._weighted(HOSTS)
        created = self._instants(1500, 0)
        columns: dict[str, Iterable[Any]] = {
            "id": numbers,
            "account_id": self.accounts,
            **_twice("email", [f"{name}{number}@{host}" for name, number, host in zip(last_names, numbers, hosts, strict=True)]),
            **_twice("first_name", [name.capitalize() for name in self._zipf(WORDS)]),
            **_twice("last_name", [name.capitalize() for name in last_names]),
            **_twice("phone", self._missing(0.3, [f"+1555{number:07}" for number in numbers])),
            **_twice("company", self._missing(0.4, self._zipf(COMPANIES))),
            **_twice("city", self._missing(0.2, [f"{name.capitalize()} City" for name in self._zipf(WORDS)])),
            **_twice("country", self._missing(0.05, self._weighted(COUNTRIES))),
            **_twice("source", self._missing(0.1, self._weighted(SOURCES))),
            **_twice("status", self._weighted(STATUSES)),
            "score": self._missing(0.25, self._numbers(0, 100)),
            "spent": self._missing(0.5, self._numbers(0, 50_000_000)),
            "birthday": self._missing(0.4, self._numbers(to_day_number(date(1940, 1, 1)), to_day_number(date(2008, 1, 1)))),
            "last_activity_at": self._missing(0.2, self._instants(700, 0)),
            "owner_id": self._owners(),
            "created_at": created,
            "updated_at": created,
        }
        return Batch("contacts", tuple(columns), list(zip(*columns.values(), strict=True)))

    def _taggings(self) -> Batch:
        zipf = list(accumulate(1 / rank for rank in range(1, TAGS - len(SHARES) + 1)))
        further = range(len(SHARES) + 1, TAGS + 1)
        rows = [
            (account, number, tag + (TAGS if account == OTHER_ACCOUNT else 0), NOW_US - int(self.chance.random() ** 2 * 1000 * DAY_US))
            for number, account in zip(self.numbers, self.accounts, strict=True)
            for tag in self._shared(SHARES) | set(self.chance.choices(further, cum_weights=zipf, k=self._about(FURTHER_TAGS)))
        ]
        return Batch("taggings", ("account_id", "contact_id", "tag_id", "tagged_at"), rows)

    def _appointments(self) -> Batch:
        rows = []
        for number, account in zip(self.numbers, self.accounts, strict=True):
            for _ in range(self._several(0.2, 3)):
                starts = NOW_US + self.chance.randrange(-400, 100) * DAY_US + self.chance.randrange(DAY_US)
                status = self.chance.choices([*APPOINTMENT_STATUSES], [*APPOINTMENT_STATUSES.values()])[0]
                title = self.chance.choice(("Call", "Visit", "Demo"))
                ends, created = starts + DAY_US // 24, starts - 30 * DAY_US
                rows.append((account, number, title, title.lower(), status, starts, ends, created, created))
        columns = ("account_id", "contact_id", "title", "title_folded", "status", "starts_at", "ends_at", "created_at", "updated_at")
        return Batch("appointments", columns, rows)

    def _custom_values(self) -> Batch:
        choices = FIELDS[COLOUR - 1].choices
        rows: list[tuple[Any, ...]] = []
        for number, account in zip(self.numbers, self.accounts, strict=True):
            if account == OTHER_ACCOUNT:
                continue
            if self._happens(0.5):
                rows.append((account, number, POINTS, 0, None, None, self.chance.randrange(1000) * 10_000, None))
            if self._happens(0.3):
                choice = self.chance.choice(choices)
                rows.append((account, number, COLOUR, 0, choice, fold(choice), None, None))
            if self._happens(0.2):
                rows.append((account, number, RENEWAL, 0, None, None, None, to_day_number(NOW.date()) + self.chance.randrange(-300, 300)))
        return Batch("custom_values", ("account_id", "contact_id", "field_id", "ordinal", "text", "folded", "number", "day"), rows)

    def _members(self) -> Batch:
        rows = [
            (account, group, number, NOW_US)
            for number, account in zip(self.numbers, self.accounts, strict=True)
            if account == ACCOUNT
            for group in self._shared(GROUP_SHARES)
        ]
        return Batch("group_members", ("account_id", "set_id", "record_id", "joined_at"), rows)

    def _owners(self) -> list[int | None]:
        owners = self._missing(0.3, self._numbers(1, USERS + 1))
        return [owner if account == ACCOUNT else None for owner, account in zip(owners, self.accounts, strict=True)]

    def _weighted(self, weights: dict[str, Any]) -> list[str]:
        return self.chance.choices([*weights], [*weights.values()], k=len(self.numbers))

    def _zipf(self, values: Sequence[str]) -> list[str]:
        return self.chance.choices(values, [1 / rank for rank in range(1, len(values) + 1)], k=len(self.numbers))

    def _numbers(self, low: int, high: int) -> list[int]:
        return [self.chance.randrange(low, high) for _ in self.numbers]

    def _instants(self, oldest: int, newest: int) -> list[int]:
        """Instants so many days ago."""
        return [NOW_US - self.chance.randrange(newest * DAY_US, oldest * DAY_US) for _ in self.numbers]

    def _missing(self, share: float, values: Sequence[T]) -> list[T | None]:
        return [None if self._happens(share) else value for value in values]

    def _shared(self, shares: dict[int, float]) -> set[int]:
        return {number for number, share in shares.items() if self._happens(share)}

    def _several(self, share: float, most: int) -> int:
        return self.chance.randint(1, most) if self._happens(share) else 0

    def _about(self, mean: float) -> int:
        """A whole number that is `mean` on average, and at most twice as much."""
        return int(self.chance.random() * 2 * mean + 0.5)

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share


def _twice(name: str, values: Sequence[str | None]) -> dict[str, Sequence[str | None]]:
    """A text column and its folded form, which is the lower case of these simple texts."""
    return {name: values, f"{name}_folded": [value and value.lower() for value in values]}
