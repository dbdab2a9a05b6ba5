"""Diagnostics on conditions that move with time: what they say is true at every moment, and where that is not sure they say nothing."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typing_extensions import override

from models.fields import to_microseconds
from resolvers.criteria.diagnostics.diagnose import Diagnostic, DiagnosticCode, diagnose
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.predicate import NodePredicate, compile_node
from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.operators import OPERATORS
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.language.tree import AllOf, AnyOf, Condition, Custom, Tree, conditions, walk
from resolvers.criteria.semantics.checks import Check, Containing, InMemory, Within
from resolvers.criteria.semantics.ranges import HIGHEST, LOWEST
from resolvers.criteria.semantics.time import Now
from tests.support import criteria_world as world
from tests.support.effort import examples

NEW_YORK = ZoneInfo("America/New_York")
TURNS = [  # of years, months, weeks and days, a little before and after
    datetime(2025, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001  # in whatever zone
    datetime(2026, 1, 1),  # noqa: DTZ001
    datetime(2026, 1, 1, 0, 10),  # noqa: DTZ001
    datetime(2026, 1, 2, 0, 10),  # noqa: DTZ001
    datetime(2026, 1, 31, 23, 30),  # noqa: DTZ001
    datetime(2026, 2, 28, 12),  # noqa: DTZ001
    datetime(2026, 3, 1, 0, 30),  # noqa: DTZ001
    datetime(2024, 2, 29, 12),  # noqa: DTZ001
    datetime(2026, 3, 29, 12),  # noqa: DTZ001  # a Sunday
    datetime(2026, 3, 30, 0, 5),  # noqa: DTZ001
    datetime(2026, 6, 15, 12),  # noqa: DTZ001
]
AROUND = [timedelta(hours=hours) for hours in (0, -1, 1, -12, 12, -24, 24, -48, 48)]  # a change of the clocks

DAYS: list[Any] = [
    *({"named": name} for name in world.NAMED_DAYS.split()),
    *({"today": {"days": days}} for days in (0, -1, 1, -2, -7, 30)),
    *({"today": offset} for offset in ({"weeks": -1}, {"weeks": 1, "days": -7}, {"months": -1}, {"months": 1}, {"months": -12})),
    *({"today": {"months": -1, "days": days}} for days in (1, 31)),
    *({"date": day} for day in ("2026-03-29", "2011-12-30")),
]
OFFSETS: list[Any] = [
    *({"minutes": minutes} for minutes in (0, -15, 60, 1440)),
    *({"hours": hours} for hours in (1, -1, 24, -24)),
    *({"days": days} for days in (1, -1, -7)),
    *({"months": months} for months in (1, -1)),
    *({"days": days, "hours": -24} for days in (1, 2)),
]
MOMENTS: list[Any] = [
    *({"now": offset} for offset in OFFSETS),
    *({"day": day} for day in DAYS),
    *({"at": at} for at in ("2026-03-29T00:00:00+00:00", "2026-03-29T00:00:00+02:00")),
]
STRETCHES: list[Any] = [{"minutes": 15}, {"hours": 1}, {"hours": 24}, {"days": 1}, {"days": 7}, {"weeks": 1}, {"months": 1}, {"months": 12}]
DAY_STRETCHES = [stretch for stretch in STRETCHES if not stretch.keys() & {"minutes", "hours"}]


def of_time(points: list[Any], stretches: list[Any]) -> Any:
    """Conditions with operands of all kinds, often the same."""
    point, days, stretch = st.sampled_from(points), st.lists(st.sampled_from(DAYS), min_size=1, max_size=2), st.sampled_from(stretches)
    ordered = dict.fromkeys(("before", "onOrBefore", "after", "onOrAfter"), point)
    return world.one_key(
        **ordered, between=world.range_of(point), on=days, notOn=days, withinLast=stretch, withinNext=stretch, isEmpty=st.booleans()
    )


def lists_of(leaf: Any) -> Any:
    several = st.lists(st.one_of(leaf, leaf, world.one_key(not_=leaf)), min_size=2, max_size=3)
    return st.one_of(leaf, world.one_key(all=several), several.map(lambda nodes: {"any": [world.positively(node) for node in nodes]}))


documents = st.one_of(
    lists_of(st.fixed_dictionaries({"createdAt": of_time(MOMENTS, STRETCHES)})),
    lists_of(st.fixed_dictionaries({"birthday": of_time(DAYS, DAY_STRETCHES)})),
)


def moments(zone: ZoneInfo) -> Iterator[Now]:
    """When diagnostics are put to the test: when the calendar turns, and when the clocks change in any of the zones."""
    for moment in (*(turn.replace(tzinfo=zone).astimezone(UTC) for turn in TURNS), *(now + step for now in world.NOWS for step in AROUND)):
        yield Now(to_microseconds(moment), zone)


def records(tree: Tree, now: Now) -> Iterator[ContactFacts]:
    """A contact for each value at which the answer to a condition can change at this moment."""
    values: set[int | None] = set()
    for condition in conditions(tree):
        check = condition.check(now)
        bounds = [bound for found in check.ranges for bound in found] if isinstance(check, Within) else []
        values |= {bound + step for bound in bounds if bound not in (LOWEST, HIGHEST) for step in (-1, 0, 1)}
    for value in values:
        yield ContactFacts(1, {"created_at": value, "birthday": value})
    yield ContactFacts(1, {"created_at": 0, "birthday": None})


def promised(tree: Tree, found: Diagnostic) -> tuple[NodePredicate, NodePredicate]:
    """Two judges that never differ if the diagnostic is true."""
    nodes = {node.path: node for node in walk(tree.root)}
    if found.code is not DiagnosticCode.REDUNDANT:
        truth = found.code is DiagnosticCode.ALWAYS_TRUE
        return compile_node(nodes[found.path]), lambda _facts, _now: truth
    parent = next(
        node for node in nodes.values() if isinstance(node, AllOf | AnyOf) and found.path in [each.path for each in node.children]
    )
    rest = tuple(child for child in parent.children if child.path != found.path)
    return compile_node(parent), compile_node(type(parent)(rest, parent.path))


def diagnostics(document: Any, zone: ZoneInfo) -> tuple[Tree, list[Diagnostic]]:
    names = world.vocabulary(zone, with_gone=False)
    tree = parse({"contacts": document}, names, CriteriaLimits(), stored=True)
    return tree, [found for found in diagnose(tree, names) if found.code is not DiagnosticCode.NEGATIVE_UNDER_ANY]


def both(one: Any, other: Any) -> Any:
    return {"all": [{"createdAt": one}, {"createdAt": other}]}


def start(day: str) -> Any:
    return {"day": {"named": day}}


@settings(max_examples=examples(300), deadline=None)
@given(documents, st.sampled_from(world.ZONES))
@example(both({"onOrBefore": start("YESTERDAY")}, {"onOrAfter": start("TODAY")}), ZoneInfo("Pacific/Apia"))
@example(both({"withinLast": {"days": 1}}, {"withinLast": {"hours": 24}}), NEW_YORK)
@example({"createdAt": {"between": {"from": {"now": {"hours": 24}}, "to": {"now": {"days": 1}}}}}, NEW_YORK)
def test_diagnostics_are_true_at_all_times_for_all_records(document: Any, zone: ZoneInfo) -> None:
    tree, found = diagnostics(document, zone)
    for diagnostic in found:
        one, other = promised(tree, diagnostic)
        for now in moments(zone):
            assert [contact for contact in records(tree, now) if one(contact, now) is not other(contact, now)] == [], (
                diagnostic,
                now.local,
            )


UNSURE: list[Any] = [
    both({"withinLast": {"days": 7}}, {"onOrAfter": start("FIRST_DAY_OF_THIS_YEAR")}),
    both({"withinLast": {"hours": 1}}, {"on": [{"named": "TODAY"}]}),
    both({"withinLast": {"minutes": 15}}, {"before": start("TODAY")}),
    {"all": [{"birthday": {"on": [{"named": "YESTERDAY"}]}}, {"birthday": {"on": [{"named": "FIRST_DAY_OF_THIS_YEAR"}]}}]},
    {"createdAt": {"between": {"from": {"now": {"hours": 24}}, "to": {"now": {"days": 1}}}}},
    both({"withinLast": {"days": 1}}, {"withinLast": {"hours": 24}}),
    {"all": [{"birthday": {"on": [{"named": "TOMORROW"}]}}, {"birthday": {"before": {"named": "FIRST_DAY_OF_NEXT_YEAR"}}}]},
    {"all": [{"birthday": {"before": {"today": {"months": -1}}}}, {"birthday": {"before": {"today": {"days": -27}}}}]},
    both({"onOrAfter": {"now": {}}}, {"before": {"at": "2026-03-29T00:00:00Z"}}),
    both({"onOrAfter": {"now": {"hours": 2**31 - 1}}}, {"onOrAfter": {"now": {"hours": 2**31 - 2}}}),
]
SURE: list[tuple[Any, DiagnosticCode]] = [
    (both({"withinLast": {"days": 7}}, {"withinLast": {"days": 30}}), DiagnosticCode.REDUNDANT),
    (both({"withinLast": {"days": 7}}, {"onOrAfter": {"now": {"days": -30}}}), DiagnosticCode.REDUNDANT),
    (both({"withinLast": {"hours": 2}}, {"withinLast": {"minutes": 90}}), DiagnosticCode.REDUNDANT),
    (both({"withinLast": {"months": 1}}, {"withinLast": {"months": 12}}), DiagnosticCode.REDUNDANT),
    (both({"on": [{"named": "YESTERDAY"}]}, {"before": start("TODAY")}), DiagnosticCode.REDUNDANT),
    (both({"on": [{"named": "YESTERDAY"}]}, {"onOrAfter": start("TODAY")}), DiagnosticCode.ALWAYS_FALSE),
    (both({"after": start("TODAY")}, {"before": start("TODAY")}), DiagnosticCode.ALWAYS_FALSE),
    (both({"withinLast": {"hours": 1}}, {"withinLast": {"hours": 1}}), DiagnosticCode.REDUNDANT),
    (both({"withinLast": {"days": 1, "hours": 1}}, {"isEmpty": True}), DiagnosticCode.ALWAYS_FALSE),
    (both({"before": start("FIRST_DAY_OF_LAST_MONTH")}, {"before": start("FIRST_DAY_OF_NEXT_MONTH")}), DiagnosticCode.REDUNDANT),
    (
        {"all": [{"birthday": {"onOrBefore": {"today": {"months": -months}}}} for months in (216, 252)]},
        DiagnosticCode.REDUNDANT,
    ),
    (
        {"birthday": {"between": {"from": {"named": "FIRST_DAY_OF_NEXT_YEAR"}, "to": {"named": "FIRST_DAY_OF_THIS_YEAR"}}}},
        DiagnosticCode.ALWAYS_FALSE,
    ),
]


@pytest.mark.parametrize("document", UNSURE)
def test_nothing_is_said_of_what_hangs_on_the_moment(document: Any) -> None:
    assert [diagnostics(document, zone)[1] for zone in world.ZONES] == [[]] * len(world.ZONES)


@pytest.mark.parametrize(("document", "code"), SURE)
def test_what_holds_at_every_moment_is_said(document: Any, code: DiagnosticCode) -> None:
    for zone in world.ZONES:
        assert code in [found.code for found in diagnostics(document, zone)[1]]


# ---------------------------------------------------------------- work


class Counted(Containing):
    """A check that counts how often it is asked."""

    asked = 0

    @override
    def in_memory(self) -> InMemory:
        Counted.asked += 1
        return super().in_memory()


@pytest.mark.parametrize(("fields", "values", "most"), [(1, 3, 200), (20, 1, 1_000), (20, 50, 10), (1, 51, 0)])
def test_in_one_document_only_so_much_is_compared(fields: int, values: int, most: int) -> None:
    made: list[Any] = []

    def asks(operand: Any, _now: Now) -> Check:
        made.append(operand)
        return Counted(operand)

    contains = replace(OPERATORS[Family.TEXT]["contains"], check=asks)
    leaves = (
        Condition(
            Custom(n % fields + 1, "folded", "nickname"), contains, tuple(f"<{n}:{value}>" for value in range(values)), ("all", str(n))
        )
        for n in range(240)
    )
    names = world.vocabulary(NEW_YORK, with_gone=False)
    Counted.asked = 0
    assert diagnose(Tree(world.ACCOUNT, CONTACT, AllOf(tuple(leaves), ("all",)), {}), names) == []
    assert most // 2 <= Counted.asked <= most
    assert len(made) == len(set(made)), "what a leaf asks is worked out but once"
