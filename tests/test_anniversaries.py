"""Anniversaries in all years of the calendar: some centuries are written down, and the others have to repeat them exactly."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import Account, Contact
from models.engine.database import Database
from models.fields import to_day_number, to_microseconds
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.predicate import compile_predicate
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.temporal import boundaries, temporal_leaves
from resolvers.criteria.language.tree import Condition, Tree
from resolvers.criteria.querying.query import criteria_query
from resolvers.criteria.semantics.anniversaries import REMEMBERED, anniversary_days, anniversary_instants
from resolvers.criteria.semantics.ranges import Turn, turns, unrolled
from resolvers.criteria.semantics.time import FIRST_DAY, LAST_DAY, MICROSECONDS_A_DAY, Now
from tests.support import criteria_world as world
from tests.support.criteria_reference import Reference

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
EDGES = [date(year, *day) for year in (1600, 1899, 1900, 2000, 2299, 2300, 9998) for day in ((1, 1), (2, 28), (6, 17), (12, 31))]
DAYS = [date(2026, 6, 15), date(2024, 12, 31), date(2026, 2, 28)]
WANTED: list[dict[str, Any]] = [{"today": True}, {"thisMonth": True}, {"withinNextDays": 7}, {"withinLastDays": 200}]
thorough = settings(max_examples=200, deadline=None)

LEAP_DAYS = [date(year, 2, 29) for year in (1600, 1984, 2000, 2024)]  # of which random days are too few

all_days = st.one_of(st.dates(), st.sampled_from([date.min, *EDGES, *LEAP_DAYS, date.max]))
turns_of_february = st.builds(lambda year, days: date(year, 3, 1) - timedelta(days), st.integers(2020, 2032), st.integers(0, 2))
todays = st.dates(date(2020, 1, 1), date(2032, 12, 31)) | turns_of_february


def tree_of(condition: dict[str, Any], zone: ZoneInfo) -> Tree:
    return parse({"contacts": condition}, world.vocabulary(zone, with_gone=True), CriteriaLimits())


def leaf_of(condition: dict[str, Any], zone: ZoneInfo) -> Condition:
    (leaf,) = temporal_leaves(tree_of(condition, zone))
    return leaf


def noon(day: date, zone: ZoneInfo) -> Now:
    return Now(to_microseconds(datetime(day.year, day.month, day.day, 12, tzinfo=zone)), zone)


@thorough
@given(all_days, todays, world.anniversaries)
def test_a_birthday_in_any_year_is_kept_as_the_reference_keeps_it(born: date, today: date, wanted: dict[str, Any]) -> None:
    now = noon(today, NEW_YORK)
    reference = Reference(datetime(today.year, today.month, today.day, 12, tzinfo=NEW_YORK), NEW_YORK)
    judge = leaf_of({"birthday": {"anniversary": wanted}}, NEW_YORK).check(now).in_memory()
    assert judge(to_day_number(born)) is reference.anniversary(wanted, born)


@settings(max_examples=30, deadline=None)  # each has all the ranges of the calendar
@given(all_days, todays, st.integers(1, 3), world.anniversaries)
def test_the_truth_about_a_birthday_changes_exactly_within_its_boundaries(
    born: date, today: date, later: int, wanted: dict[str, Any]
) -> None:
    leaf = leaf_of({"birthday": {"anniversary": wanted}}, NEW_YORK)
    before, after = noon(today, NEW_YORK), noon(today + timedelta(days=later), NEW_YORK)
    number = to_day_number(born)
    changed = leaf.check(before).in_memory()(number) is not leaf.check(after).in_memory()(number)
    assert any(low <= number < high for low, high in boundaries(leaf, before, after)) is changed


@given(st.integers(-100, 100), st.integers(1, 4), st.integers(1, 30), st.integers(0, 200))
def test_turns_cover_everything_once(first: int, periods: int, period: int, reach: int) -> None:
    last = first + periods * period
    found = turns((first, last), period=period, within=(first - reach, last + reach))
    assert all(one.high == other.low for one, other in pairwise(found))
    assert (found[0].low, found[-1].high) == (first - reach, last + reach)
    assert all(first <= turn.low - turn.shift < turn.high - turn.shift <= last for turn in found)


def test_ranges_are_unrolled_turn_by_turn() -> None:
    days = turns((0, 20), period=10, within=(-5, 35))
    assert days == (Turn(-10, -5, 0), Turn(0, 0, 20), Turn(10, 20, 30), Turn(20, 30, 35))
    assert unrolled(((4, 6), (18, 20)), days) == ((-5, -4), (4, 6), (18, 20), (28, 30))


@pytest.mark.parametrize("field", ["birthday", "lastActivityAt"])
def test_ranges_are_worked_out_once_a_day_however_many_there_are(field: str) -> None:
    document = {"any": [{field: {"anniversary": {"withinLastDays": days}}} for days in range(1, REMEMBERED + 10)]}
    tree, born_in_january = tree_of(document, NEW_YORK), ContactFacts(1, {"birthday": 10, "last_activity_at": 10 * MICROSECONDS_A_DAY})
    holds, worked_out = compile_predicate(tree), {"birthday": anniversary_days, "lastActivityAt": anniversary_instants}[field]
    morning, evening = (Now(noon(DAYS[0], NEW_YORK).instant_us + hours * 3_600_000_000, NEW_YORK) for hours in (-6, 6))
    assert not holds(born_in_january, morning)
    before = worked_out.cache_info().misses
    assert not holds(born_in_january, evening)
    assert [boundaries(leaf, morning, evening) for leaf in temporal_leaves(tree)] == [()] * (REMEMBERED + 9)
    assert worked_out.cache_info().misses == before
    assert holds(born_in_january, noon(date(2027, 1, 20), NEW_YORK))
    assert worked_out.cache_info().misses > before


@pytest.fixture
async def people(database: Database) -> list[Contact]:
    """Contacts that were born, and last active, all over the calendar."""
    account = await Account.create(id=world.ACCOUNT, name="All", timezone=NEW_YORK.key, created_at=NOON, updated_at=NOON)
    days = [date.min, *EDGES, *(date(year, 6, 15) for year in range(1, 9999, 321)), date.max]
    await Contact.bulk_create(
        Contact(
            account_id=account.id,
            birthday=day,
            last_activity_at=datetime(day.year, day.month, day.day, 3 + number % 3, tzinfo=UTC),
            created_at=NOON,
            updated_at=NOON,
        )
        for number, day in enumerate(days)
    )
    return await Contact.all()


@pytest.mark.parametrize("field", ["birthday", "lastActivityAt"])
async def test_the_query_finds_them_wherever_the_predicate_does(people: list[Contact], field: str) -> None:
    facts = [
        ContactFacts(
            person.id,
            {"birthday": to_day_number(person.birthday), "last_activity_at": to_microseconds(person.last_activity_at)},
        )
        for person in people
    ]
    for day, wanted in product(DAYS, WANTED):
        tree, now = tree_of({field: {"anniversary": wanted}}, NEW_YORK), noon(day, NEW_YORK)
        holds = compile_predicate(tree)
        expected = {person.id for person in facts if holds(person, now)}
        assert expected, wanted
        assert {found.id for found in await Contact.filter(criteria_query(tree, now))} == expected, wanted


def test_the_calendar_is_covered_from_end_to_end_and_nothing_beyond() -> None:
    leaf = leaf_of({"birthday": {"anniversary": {"withinNextDays": 366}}}, NEW_YORK)
    everybody = leaf.check(noon(date(2024, 1, 1), NEW_YORK)).in_memory()
    assert [everybody(day) for day in (FIRST_DAY - 1, FIRST_DAY, LAST_DAY, LAST_DAY + 1)] == [False, True, True, False]
