"""Moments and days: the calendar, daylight saving, the ends of time, and when a leaf's truth changes by itself."""

import random
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fields import from_day_number, from_microseconds, to_day_number, to_microseconds
from resolvers.criteria.evaluation.predicate import compile_node
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.temporal import boundaries, is_zoned, moves, temporal_leaves
from resolvers.criteria.language.tree import Column, Condition
from resolvers.criteria.semantics.checks import Within
from resolvers.criteria.semantics.ranges import HIGHEST, LOWEST, difference, edges, normalised
from resolvers.criteria.semantics.time import (
    FIRST_DAY,
    LAST_DAY,
    LATEST,
    Day,
    FromNow,
    FromToday,
    NamedDay,
    Now,
    Offset,
    StartOf,
    day_number,
    instant,
    instant_of,
    moved,
    start_of_day,
)
from tests.support import criteria_world as world
from tests.support.criteria_reference import Reference

BERLIN = ZoneInfo("Europe/Berlin")
thorough = settings(max_examples=200, deadline=None)


def now_in(zone: str, text: str) -> Now:
    return Now(to_microseconds(datetime.fromisoformat(text)), ZoneInfo(zone))


def local(microseconds: int, now: Now) -> str:
    return from_microseconds(microseconds).astimezone(now.zone).isoformat()


# ---------------------------------------------------------------- ranges


ranges = st.lists(st.tuples(st.integers(-30, 30), st.integers(-30, 30)), max_size=8)


def members_of(pairs: Any) -> set[int]:
    return {value for low, high in pairs for value in range(low, high)}


@thorough
@given(ranges, ranges)
def test_normalised_ranges_keep_their_values_and_differ_where_the_sets_differ(one: Any, other: Any) -> None:
    assert members_of(normalised(one)) == members_of(one)
    assert edges(normalised(one)) == sorted(set(edges(normalised(one))))
    assert members_of(difference(normalised(one), normalised(other))) == members_of(one) ^ members_of(other)


@thorough
@given(ranges)
def test_a_check_in_memory_knows_the_values_of_its_ranges(pairs: Any) -> None:
    within = Within(normalised(pairs)).in_memory()
    assert {value for value in range(-40, 40) if within(value)} == members_of(pairs)


# ---------------------------------------------------------------- boundaries


def leaf_of(document: Any, zone: ZoneInfo) -> Condition:
    root = parse({"contacts": document}, world.vocabulary(zone, with_gone=True), CriteriaLimits()).root
    assert isinstance(root, Condition)
    return root


time_leaves = st.one_of(world.one_key(createdAt=world.instant_condition), world.one_key(birthday=world.date_condition))


@thorough
@given(st.data(), time_leaves, world.moments_of_evaluation)
def test_a_leaf_changes_its_truth_exactly_within_its_boundaries(
    data: st.DataObject, document: Any, moment: tuple[datetime, ZoneInfo]
) -> None:
    before = Now(to_microseconds(moment[0]), moment[1])
    minutes = data.draw(st.sampled_from([0, 1, 59, 60, 1440, 1441, 44_640, 525_600]))
    after = Now(before.instant_us + minutes * 60_000_000, before.zone)
    leaf = leaf_of(document, before.zone)
    assert isinstance(leaf.source, Column)
    column, holds = leaf.source.column, compile_node(leaf)
    changed = boundaries(leaf, before, after)
    in_changed = Within(changed).in_memory()
    candidates = {edge + step for edge in edges(changed[:3] + changed[-3:]) for step in (-1, 0, 1)}
    for value in candidates | {before.instant_us, after.instant_us, to_day_number(before.today), to_day_number(after.today)}:
        facts: Any = world.facts(world.contacts(0, 1)[0])
        facts.values = {column: value}
        assert (holds(facts, before) != holds(facts, after)) is in_changed(value)
    if changed:
        assert moves(leaf)


def test_only_leaves_about_now_or_today_change_by_themselves() -> None:
    document = {
        "contacts": {
            "all": [
                {"createdAt": {"after": {"now": {"days": -1}}}},
                {"createdAt": {"after": {"now": {"days": -1}}}},
                {"createdAt": {"after": {"at": "2026-01-01T00:00:00Z"}}},
                {"createdAt": {"before": {"day": {"date": "2027-01-01"}}}},
                {"country": {"equals": ["Canada"]}},
                {"not": {"birthday": {"anniversary": {"today": True}}}},
                {"taggedAt": {"tag": {"name": "VIP"}, "when": {"withinLast": {"days": 30}}}},
                {"appointments": {"some": {"startsAt": {"onOrAfter": {"now": {}}}}}},
                {"custom": {"key": "since", "date": {"on": [{"named": "TODAY"}, {"date": "2026-01-01"}]}}},
            ]
        }
    }
    tree = parse(document, world.vocabulary(BERLIN, with_gone=True), CriteriaLimits())
    leaves = temporal_leaves(tree)
    assert [".".join(leaf.path[2:]) for leaf in leaves] == [
        "0.createdAt",
        "5.not.birthday",
        "6.taggedAt",
        "7.appointments.some.startsAt",
        "8.custom",
    ]
    assert is_zoned(leaf_of({"createdAt": {"before": {"day": {"date": "2027-01-01"}}}}, BERLIN))


def test_an_appointment_leaves_as_it_begins() -> None:
    tree = parse({"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}}, world.vocabulary(BERLIN, with_gone=True), CriteriaLimits())
    (leaf,) = temporal_leaves(tree)
    assert boundaries(leaf, Now(1_000, BERLIN), Now(5_000, BERLIN)) == ((1_000, 5_000),)


# ---------------------------------------------------------------- the calendar


def _day(kind: str, held: Any) -> Day:
    match kind:
        case "date":
            return date.fromisoformat(held)
        case "named":
            return NamedDay(held)
        case _:
            return FromToday(Offset(**held))


@thorough
@given(world.moments_of_evaluation, world.offsets, world.days)
def test_moments_agree_with_the_reference(moment: tuple[datetime, ZoneInfo], offset: dict[str, int], day: Any) -> None:
    now, reference = Now(to_microseconds(moment[0]), moment[1]), Reference(*moment)
    assert instant(FromNow(Offset(**offset)), now) == to_microseconds(reference.shifted(offset, 1))
    ((kind, held),) = day.items()
    meant = _day(kind, held)
    assert day_number(meant, now) == to_day_number(reference.named(day))
    assert instant(StartOf(meant), now) == to_microseconds(reference.start(reference.named(day)))


SHIFTS = [
    ("2026-01-31T12:00:00+01:00", Offset(months=1), "2026-02-28T12:00:00+01:00"),
    ("2024-01-31T12:00:00+01:00", Offset(months=1), "2024-02-29T12:00:00+01:00"),
    ("2026-03-31T12:00:00+02:00", Offset(months=-1, days=1), "2026-03-01T12:00:00+01:00"),
    ("2026-03-28T02:30:00+01:00", Offset(days=1), "2026-03-29T03:30:00+02:00"),  # 02:30 is skipped
    ("2026-03-28T02:30:00+01:00", Offset(hours=24), "2026-03-29T03:30:00+02:00"),
    ("2026-03-28T12:00:00+01:00", Offset(days=1), "2026-03-29T12:00:00+02:00"),
    ("2026-03-28T12:00:00+01:00", Offset(hours=24), "2026-03-29T13:00:00+02:00"),
    ("2026-10-24T02:30:00+02:00", Offset(days=1), "2026-10-25T02:30:00+02:00"),  # the first of two
    ("2026-10-25T02:30:00+01:00", Offset(), "2026-10-25T02:30:00+01:00"),  # the second of two stays itself
    ("2026-10-25T02:30:00+01:00", Offset(minutes=1), "2026-10-25T02:31:00+01:00"),
]


@pytest.mark.parametrize(("start", "offset", "end"), SHIFTS)
def test_months_and_days_move_the_calendar_and_hours_elapse(start: str, offset: Offset, end: str) -> None:
    now = now_in("Europe/Berlin", start)
    assert local(instant(FromNow(offset), now), now) == end


def test_a_day_begins_after_the_gap_where_midnight_is_skipped() -> None:
    now = now_in("America/Sao_Paulo", "2017-10-15T12:00:00-02:00")
    assert local(instant(StartOf(NamedDay.TODAY), now), now) == "2017-10-15T01:00:00-02:00"


def test_the_last_sunday_lies_before_today_also_on_a_sunday() -> None:
    sunday = now_in("UTC", "2026-11-22T12:00:00Z")
    assert day_number(NamedDay.LAST_SUNDAY, sunday) == to_day_number(date(2026, 11, 15))
    assert day_number(NamedDay.SUNDAY_BEFORE_LAST, sunday) == to_day_number(date(2026, 11, 8))


@pytest.mark.parametrize(
    "parts", [{"months": 2**31 - 1}, {"months": -(2**31) + 1}, {"days": 2**31 - 1}, {"weeks": -(2**31) + 1}, {"minutes": 2**31 - 1}]
)
def test_offsets_beyond_the_calendar_stop_at_its_end(parts: dict[str, int]) -> None:
    now = now_in("Pacific/Apia", "2026-01-31T12:00:00Z")
    assert moved(date(2026, 1, 31), Offset(**parts)).year in (1, 9999, 2026)
    assert from_microseconds(instant(FromNow(Offset(**parts)), now)).tzinfo is UTC
    for name in ("before", "onOrBefore", "after", "onOrAfter"):
        for condition in ({"now": parts}, {"day": {"date": "9999-12-31"}}, {"day": {"date": "0001-01-01"}}):
            check = leaf_of({"createdAt": {name: condition}}, now.zone).check(now)
            assert isinstance(check, Within)
            assert all(LOWEST <= low < high <= HIGHEST for low, high in check.ranges)


def test_the_last_day_of_the_calendar_has_an_end() -> None:
    now = now_in("Europe/Berlin", "2026-01-31T12:00:00Z")
    check = leaf_of({"createdAt": {"on": [{"date": "9999-12-31"}]}}, BERLIN).check(now)
    assert check == Within(((to_microseconds(datetime(9999, 12, 30, 23, tzinfo=UTC)), LATEST + 1),))


@pytest.mark.parametrize("name", ["Africa/Casablanca", "America/Nuuk", "Asia/Gaza", "Europe/Amsterdam", "Pacific/Apia", "America/St_Johns"])
def test_days_start_as_the_time_zone_has_it_in_every_century(name: str) -> None:
    zone, chance = ZoneInfo(name), random.Random(name)
    for number in (chance.randint(FIRST_DAY + 2, LAST_DAY - 2) for _ in range(500)):
        assert start_of_day(number, zone) == instant_of(datetime.combine(from_day_number(number), time.min), zone)


# ---------------------------------------------------------------- anniversaries


@settings(max_examples=100, deadline=None)
@given(
    st.dates(date(1600, 1, 1), date(2300, 1, 1)),
    st.one_of(
        st.dates(date(2020, 1, 1), date(2028, 12, 31)),
        st.sampled_from([date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29), date(2024, 12, 31)]),
    ),
    world.anniversaries,
    st.sampled_from(world.ZONES),
)
def test_anniversaries_agree_with_the_reference(born: date, today: date, wanted: dict[str, Any], zone: ZoneInfo) -> None:
    noon = datetime(today.year, today.month, today.day, 12, tzinfo=zone)
    now, reference = Now(to_microseconds(noon), zone), Reference(noon, zone)
    expected = reference.anniversary(wanted, born)
    days = leaf_of({"birthday": {"anniversary": wanted}}, zone).check(now).in_memory()
    assert days(to_day_number(born)) is expected
    if born.year > 1900:  # before there were time zones, noon may be on another day
        instants = leaf_of({"createdAt": {"anniversary": wanted}}, zone).check(now).in_memory()
        for clock in (timedelta(), timedelta(hours=12), timedelta(hours=24, microseconds=-1)):
            at = reference.start(born) + clock
            assert instants(to_microseconds(at)) is reference.anniversary(wanted, at.astimezone(zone).date())


def test_a_leap_day_is_kept_on_28_february_in_other_years() -> None:
    birthday = leaf_of({"birthday": {"anniversary": {"today": True}}}, BERLIN)
    leap_child, common_child = to_day_number(date(1984, 2, 29)), to_day_number(date(1983, 2, 28))
    common = birthday.check(now_in("Europe/Berlin", "2023-02-28T12:00:00Z")).in_memory()
    leap = birthday.check(now_in("Europe/Berlin", "2024-02-28T12:00:00Z")).in_memory()
    leap_day = birthday.check(now_in("Europe/Berlin", "2024-02-29T12:00:00Z")).in_memory()
    assert [common(leap_child), leap(leap_child), leap_day(leap_child)] == [True, False, True]
    assert [common(common_child), leap(common_child), leap_day(common_child)] == [True, True, False]
