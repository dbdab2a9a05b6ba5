"""The first records for which criteria hold are the same in whatever way they are found. Only long lists are avoided."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from models.engine.database import Database
from models.fields import to_microseconds
from models.ids import to_global_id
from resolvers.authoring.preview import preview, sample
from resolvers.criteria.querying.lists import AT_FIRST, SMALL_FILE, Short, choice, ways
from resolvers.criteria.querying.query import NONE, Lists
from resolvers.operation.context import Context
from resolvers.reading.criteria_input import now, read_new
from resolvers.reading.paging import Page, PageArguments
from resolvers.records.contacts import contacts
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.services import running_services

PEOPLE = {"sqlite": 18_000, "postgresql": 600}  # PostgreSQL has but one way, whatever their number
WORN: Mapping[str, Callable[[int, int], bool]] = {
    "even": lambda number, _: number % 2 == 0,
    "early": lambda number, people: number <= people // 2,
    "late": lambda number, people: number > people // 2,
    "last": lambda number, people: number > people - 100,
}
FILLED_IN: Mapping[str, Callable[[int], dict[str, Any]]] = {  # a contact's score is its number, and only the last one has a company
    "low": lambda people: {"score": {"lessThan": people - 99}},
    "high": lambda people: {"score": {"greaterThan": people - 100}},
    "at either end": lambda people: {"score": {"equals": [1, people]}},
    "alone": lambda _: {"company": {"equals": ["Acme"]}},
}
SELECTED: Mapping[str, Callable[[int, int], bool]] = {
    **WORN,
    "low": lambda number, people: number <= people - 100,
    "high": lambda number, people: number > people - 100,
    "at either end": lambda number, people: number in (1, people),
    "alone": lambda number, people: number == people,
    "even and alone": lambda number, people: number == people,
    "even and high": lambda number, people: number % 2 == 0 and number > people - 100,
    "low and last": lambda *_: False,
    "low and even": lambda number, people: number % 2 == 0 and number <= people - 100,
    "not high": lambda number, people: number <= people - 100,
    "even and late": lambda number, people: number % 2 == 0 and number > people // 2,
    "early and late": lambda *_: False,
    "even and last": lambda number, people: number % 2 == 0 and number > people - 100,
    "not even": lambda number, _: number % 2 == 1,
}

PLAIN = (NONE, None, False)
STARTED = (NONE, None, True)

NUMBERS = "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :people)"
ADD_PEOPLE = f"""
    INSERT INTO contacts (account_id, score, company_folded, created_at, updated_at)
    {NUMBERS} SELECT :account, n, CASE WHEN n = :people THEN 'acme' END, :at, :at FROM numbers
"""
ADD_TAG = """
    INSERT INTO tags (account_id, name, name_folded, created_at, updated_at)
    VALUES (:account, :name, :name, :at, :at) RETURNING id
"""
ADD_TAGGINGS = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at)
    SELECT account_id, id, :tag, :at FROM contacts WHERE id = ANY(:ids)
"""


class Crowd:
    """Some thousand contacts, numbered by their ids from 1 on, and the tags that they carry."""

    def __init__(self, context: Context, ids: list[int], tags: Mapping[str, int]) -> None:
        self.context = context
        self.ids = ids
        self.tags = tags
        self.engine = context.services.database.engine

    def criteria(self, words: str) -> dict[str, Any]:
        """What these words ask of tags and fields."""
        if words.startswith("not "):
            return {"not": self.criteria(words.removeprefix("not "))}
        return {"all": [self._criterion(name) for name in words.split(" and ")]}

    def _criterion(self, name: str) -> dict[str, Any]:
        if name in FILLED_IN:
            return FILLED_IN[name](len(self.ids))
        return {"tags": {"containsAny": [{"id": to_global_id("Tag", self.tags[name])}]}}

    def numbers(self, page: Page[Any]) -> list[int]:
        """The numbers of the contacts on a page."""
        before = self.ids[0] - 1
        return [node.id - before for node in page.nodes]

    def selected(self, words: str) -> list[int]:
        """The numbers of the contacts that these words mean."""
        return [number for number in range(1, len(self.ids) + 1) if SELECTED[words](number, len(self.ids))]

    async def page(self, words: str, arguments: PageArguments, direction: str = "ASC") -> Page[Any]:
        """Some of the contacts that the words select."""
        return await contacts(self.context, where=self.criteria(words), search=None, order=("ID", direction), page=arguments)

    def enlarge(self) -> None:
        """Have SQLite's file look like a large one, as it does after many contacts."""
        if path := self.context.services.database.path:
            os.truncate(path, SMALL_FILE)

    async def ways(self, words: str, short: Short = AT_FIRST) -> list[tuple[Lists, int | None, bool]]:
        """All ways to the first contacts that the words select: as a `Way`, and whether it says where to start."""
        read = await read_new(self.context, {"contacts": self.criteria(words)})
        database = self.context.services.database
        found = choice(database, read.tree, await now(self.context, read))
        return [(way.long, way.ids, way.start is not None) async for way in ways(database, found, short)]


@pytest.fixture
async def crowd(database: Database) -> AsyncIterator[Crowd]:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        common = {"account": context.caller.account_id, "at": to_microseconds(NOON)}
        await database.rows(ADD_PEOPLE, people=PEOPLE[database.engine], **common)
        ids = [row["id"] for row in await context.scope.contacts.order_by("id").values("id")]
        tags = {name: (await database.row(ADD_TAG, name=name, **common))["id"] for name in WORN}
        for name, wears in WORN.items():
            wearers = [contact for number, contact in enumerate(ids, start=1) if wears(number, len(ids))]
            await database.rows(ADD_TAGGINGS, tag=tags[name], ids=wearers, at=common["at"])
        crowd = Crowd(context, ids, tags)
        crowd.enlarge()
        yield crowd


async def test_pages_hold_what_the_criteria_select_from_either_end_and_from_a_cursor(crowd: Crowd) -> None:
    for words in SELECTED:
        expected = crowd.selected(words)
        first = await crowd.page(words, PageArguments(first=60))
        assert crowd.numbers(first) == expected[:60], words
        assert crowd.numbers(await crowd.page(words, PageArguments(last=60))) == expected[-60:], words
        assert crowd.numbers(await crowd.page(words, PageArguments(first=60), "DESC")) == expected[::-1][:60], words
        assert crowd.numbers(await crowd.page(words, PageArguments(first=60, after=first.end_cursor))) == expected[60:120], words
        assert await first.total_count() == len(expected), words


async def test_a_sample_begins_with_the_first_records(crowd: Crowd) -> None:
    for words in SELECTED:
        tried = await preview(crowd.context, criteria={"contacts": crowd.criteria(words)}, sample=20)
        expected = [crowd.ids[number - 1] for number in crowd.selected(words)]
        assert [record.pk for record in await sample(crowd.context, tried)] == expected[:20], words


async def test_only_long_lists_are_gone_around_and_no_further_than_they_are_long(crowd: Crowd) -> None:
    """By limits of the test's own: the lists are of 100 entries, of half the people, and of all people but 100."""
    people, short = len(crowd.ids), Short(entries=200, column_entries=250)
    on_sqlite = {
        "last": [PLAIN],
        "even": [({0}, 200, False), ({0}, 2_000, False), PLAIN],
        "early and late": [({0, 1}, 200, False), ({0, 1}, 2_000, False), PLAIN],
        "not even": [PLAIN],
        "low": [({0}, 200, False), ({0}, 2_000, False), STARTED],
        "low and even": [({0, 1}, 200, False), ({0, 1}, 2_000, False), PLAIN],
        "not high": [PLAIN],
    }
    for words, expected in on_sqlite.items():
        assert await crowd.ways(words, short) == (expected if crowd.engine == "sqlite" else [PLAIN]), words
    by_list = await crowd.ways("low and even", Short(entries=200, column_entries=150))  # the column's list is longer than the last limit
    assert by_list[-1] == (({1}, None, False) if crowd.engine == "sqlite" else PLAIN)
    every = Short(entries=people, column_entries=people)  # by which no list is long
    for words in on_sqlite:
        assert await crowd.ways(words, every) == [STARTED if crowd.engine == "sqlite" and words == "low" else PLAIN], words


async def test_a_short_list_on_which_all_must_be_is_gone_through_at_once(crowd: Crowd) -> None:
    on_sqlite = {
        "even and last": ({0}, None, False),
        "last and even": ({1}, None, False),
        "high": STARTED,
        "at either end": STARTED,
        "alone": PLAIN,
        "even and alone": ({0}, None, True),
        "even and high": ({0}, None, True),
        "low and last": ({1}, None, False),
    }
    for words, expected in on_sqlite.items():
        assert await crowd.ways(words) == [expected if crowd.engine == "sqlite" else PLAIN], words


async def test_in_a_small_file_nothing_is_counted_but_lists_of_others(context: Context) -> None:
    tag = (await context.services.database.row(ADD_TAG, name="even", account=context.caller.account_id, at=0))["id"]
    crowd = Crowd(context, [], {"even": tag})
    assert await crowd.ways("high") == [PLAIN]
    assert await crowd.ways("high and even") == [PLAIN]
    crowd.enlarge()
    assert await crowd.ways("high") == [STARTED if crowd.engine == "sqlite" else PLAIN]
