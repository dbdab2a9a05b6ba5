"""What `bench.imports` imports: a file of invented people, and an account with groups that they join."""

import csv
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.composition import PRODUCT
from app.provisioning.accounts import NewAccount, create_account
from bench.dataset import COMPANIES, COUNTRIES, HOSTS, LAST_NAMES, SEED, STATUSES
from models.engine.database import open_database
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.grouping.groups import create_group
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import Context, Services
from resolvers.tagging.tags import create_tag
from subscriptions.bus import LocalBus
from subscriptions.hub import Hub

GROUPS = 20
TAGS = [f"Tag {number}" for number in range(GROUPS)]
TAGS_EACH = 2
COLUMNS = ("E-mail", "First name", "Last name", "Phone", "Company", "City", "Country", "Status", "Score", "Birthday", "Tags")
Criteria = dict[str, Any]


def write_people(path: Path, count: int) -> None:
    """A CSV file of so many people, the same at every run."""
    chance = random.Random(SEED)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*COLUMNS[:-1], "tags"])
        writer.writerows(_person(chance, number) for number in range(count))


def _person(chance: random.Random, number: int) -> list[str]:
    first, last = (chance.choice(LAST_NAMES) for _ in range(2))
    return [
        f"{first}.{last}{number}@{_one_of(chance, HOSTS)}",
        first.title(),
        last.title(),
        f"+49 30 {chance.randrange(10**6, 10**7)}",
        chance.choice(COMPANIES),
        chance.choice(LAST_NAMES).title(),
        _one_of(chance, COUNTRIES),
        _one_of(chance, STATUSES),
        str(chance.randrange(1000)),
        f"{chance.randrange(1940, 2005)}-0{chance.randrange(1, 10)}-1{chance.randrange(10)}",
        "; ".join(chance.sample(TAGS, TAGS_EACH)),
    ]


def _one_of(chance: random.Random, weights: Mapping[str, float]) -> str:
    return chance.choices(list(weights), list(weights.values()))[0]


def _criteria() -> Iterator[Criteria]:
    """Of four kinds, by turns: a tag, a tag and a country, a range and a choice, a country or a part of a text."""
    for number in range(GROUPS):
        tag = {"tags": {"containsAny": [{"name": TAGS[number]}]}}
        country = {"country": {"equals": [list(COUNTRIES)[number % len(COUNTRIES)]]}}
        good = {"all": [{"score": {"greaterThan": 50 * number}}, {"status": {"equals": ["Customer"]}}]}
        yield (tag, {"all": [tag, country]}, good, {"any": [country, {"city": {"contains": ["bor"]}}]})[number % 4]


@asynccontextmanager
async def account_with_groups(url: str) -> AsyncIterator[Context]:
    """An account without contacts in this database, and a context for its owner."""
    async with open_database(url) as database:
        now = datetime.now(UTC)
        await start(database, now)
        hub = Hub(database, LocalBus())
        async with hub.running():
            services = Services(database, hub, DefinitionsCache(CriteriaLimits(), PRODUCT.record_types), lambda: datetime.now(UTC))
            context = await create_account(services, NewAccount("Bench", "bench@example.com"))
            for name in TAGS:
                await create_tag(context, name=name)
            for number, criteria in enumerate(_criteria()):
                await create_group(context, name=f"Group {number}", criteria={"contacts": criteria})
            yield context
