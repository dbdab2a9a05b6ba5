"""Reading documents: what is accepted comes back the same, and what is not is refused with its place and a remedy."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.errors import Problem, ProblemCode, Refused
from models.ids import to_global_id
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.names import GroupName
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.place import MOST_PROBLEMS
from resolvers.criteria.language.tree import Tree
from resolvers.records.appointments import APPOINTMENT
from tests.support import criteria_world as world

NAMES = world.vocabulary(ZoneInfo("UTC"), with_gone=True)
LIMITS = CriteriaLimits()

quick = settings(max_examples=300, deadline=None)


def read(document: Any, limits: CriteriaLimits = LIMITS) -> Tree:
    return parse(document, NAMES, limits)


def problems(document: Any, limits: CriteriaLimits = LIMITS) -> list[Problem]:
    with pytest.raises(Refused) as refused:
        read(document, limits)
    return list(refused.value.problems)


def refusals(document: Any, limits: CriteriaLimits = LIMITS) -> Sequence[Problem]:
    """What there is to mend. Any other exception is a defect."""
    try:
        read(document, limits)
    except Refused as refused:
        return refused.problems
    return ()


def only(document: Any, limits: CriteriaLimits = LIMITS) -> tuple[ProblemCode, str]:
    (problem,) = problems(document, limits)
    assert problem.message.endswith((".", "]"))
    return problem.code, ".".join(problem.path)


def contacts(**leaf: Any) -> Any:
    return {"contacts": leaf}


# ---------------------------------------------------------------- laws


@quick
@given(world.documents)
def test_what_is_stored_reads_back_as_the_same_tree(document: Any) -> None:
    tree = read(document)
    again = read(json.loads(json.dumps(tree.document)))
    assert again == tree
    assert again.document == tree.document


KEYS = (
    "contacts appointments all any not country tags taggedAt group custom contact some none atLeast count where equals notEquals contains"
    " containsAny containsAll isEmpty before between from to at now day date named today days months anniversary within withinLast key text"
    " number choice tag when id name startsAt status isAny memberOfAny score birthday"
)
keys = st.sampled_from(KEYS.split())
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=5),
    keys,
    st.sampled_from(["2026-01-01", "1e9", "\ud800", "\x00"]),
)
hostile = st.recursive(
    scalars, lambda below: st.one_of(st.lists(below, max_size=4), st.dictionaries(keys, below, max_size=3)), max_leaves=12
)


def accepted_or_refused(document: Any) -> None:
    assert all(problem.message and all(isinstance(step, str) for step in problem.path) for problem in refusals(document))


@quick
@given(hostile)
def test_any_json_is_accepted_or_refused(document: Any) -> None:
    accepted_or_refused(document)


@quick
@given(st.data())
def test_a_document_with_one_part_replaced_by_anything_is_accepted_or_refused(data: st.DataObject) -> None:
    document = json.loads(json.dumps(data.draw(world.documents)))
    node: Any = document
    while isinstance(node, dict | list) and node:
        step: Any = data.draw(st.sampled_from(sorted(node) if isinstance(node, dict) else list(range(len(node)))))
        if not isinstance(node[step], dict | list) or data.draw(st.booleans()):
            node[step] = data.draw(hostile)
            break
        node = node[step]
    accepted_or_refused(document)


# ---------------------------------------------------------------- bounds


def nested(levels: int, key: str = "all") -> Any:
    document: Any = {"country": {"equals": ["x"]}}
    for _ in range(levels):
        document = {key: [document] if key in ("all", "any") else document}
    return {"contacts": document}


@pytest.mark.parametrize("key", ["all", "any", "not"])
def test_eight_levels_are_accepted_and_nine_are_not(key: str) -> None:
    assert not refusals(nested(8, key))
    assert only(nested(9, key))[0] is ProblemCode.TOO_COMPLEX


def test_relations_count_as_levels() -> None:
    document: Any = {"title": {"equals": ["x"]}}
    for _ in range(4):
        document = {"contact": {"appointments": {"some": document}}}
    assert not refusals({"appointments": document})
    assert only(contacts(appointments={"some": document}))[0] is ProblemCode.TOO_COMPLEX


@pytest.mark.parametrize("key", ["all", "not", "contact", "appointments", "some", "where", "equals"])
def test_ten_thousand_levels_are_refused_without_descending(key: str) -> None:
    assert problems(nested(10_000, key))


def test_a_leaf_too_many_is_refused() -> None:
    leaf = {"city": {"isEmpty": True}}
    assert not refusals(contacts(all=[leaf] * 250))
    assert only(contacts(all=[leaf] * 251))[0] is ProblemCode.TOO_COMPLEX
    assert only(contacts(all=[{"any": [leaf] * 126}, {"any": [leaf] * 125}]))[0] is ProblemCode.TOO_COMPLEX


def test_a_value_too_many_is_refused() -> None:
    assert not refusals(contacts(country={"equals": ["x"] * 1000}))
    assert only(contacts(country={"equals": ["x"] * 1001})) == (ProblemCode.TOO_COMPLEX, "contacts.country.equals")


@pytest.mark.parametrize("operator", ["contains", "notContains", "endsWith", "notEndsWith"])
def test_a_pattern_too_many_is_refused_in_whichever_conditions_they_are(operator: str) -> None:
    in_city, in_nickname = {"city": {operator: ["x"] * 125}}, {"custom": {"key": "nickname", "text": {operator: ["x"] * 125}}}
    several = [in_city, {"appointments": {"some": {"contact": {"not": in_nickname}}}}]
    assert not refusals(contacts(all=several))
    (problem,) = problems(contacts(all=[*several, {"email": {operator: ["x"]}}]))
    assert (problem.code, problem.path[:2]) == (ProblemCode.TOO_COMPLEX, ("contacts", "all"))
    assert problem.message.startswith("The criteria have more than 250 texts for `contains` and `endsWith`")
    assert not refusals(contacts(all=[*several, {"email": {"startsWith": ["x"] * 1000}}]))


def test_more_patterns_than_the_limit_that_are_stored_are_not_refused() -> None:
    document = contacts(city={"contains": [f"x{number}" for number in range(1_000)]})
    assert parse(document, NAMES, LIMITS, stored=True).document == document


def test_a_value_too_long_is_refused_by_its_bytes() -> None:
    assert not refusals(contacts(country={"equals": ["ä" * 512]}))
    assert only(contacts(country={"equals": ["ä" * 512 + "b"]})) == (ProblemCode.TOO_COMPLEX, "contacts.country.equals.0")


def test_no_more_problems_are_reported_than_anybody_mends() -> None:
    assert len(problems(contacts(country={"equals": [""] * 500}))) == MOST_PROBLEMS


def test_lower_limits_do_not_break_what_is_stored() -> None:
    tree = read(nested(8))
    assert parse(tree.document, NAMES, CriteriaLimits(1, 1, 1, 1, 1), stored=True) == tree


# ---------------------------------------------------------------- rules


def test_every_problem_is_reported_at_once() -> None:
    document = contacts(
        all=[
            {"country": {"equals": []}},
            {"any": [{"shoeSize": {"equals": ["9"]}}, {"score": {"greaterThan": "many"}}]},
            {"tags": {"containsAny": [{"name": "?"}]}},
        ]
    )
    assert [(problem.code, ".".join(problem.path)) for problem in problems(document)] == [
        (ProblemCode.INVALID, "contacts.all.0.country.equals"),
        (ProblemCode.INVALID, "contacts.all.1.any.0"),
        (ProblemCode.INVALID, "contacts.all.1.any.1.score.greaterThan"),
        (ProblemCode.NOT_FOUND, "contacts.all.2.tags.containsAny.0.name"),
    ]


def test_every_problem_of_one_leaf_is_reported_at_once() -> None:
    leaves = [
        {"score": {"between": {"from": "x", "to": "y"}}},
        {"createdAt": {"before": {"now": {"days": "1", "hours": None}}}},
        {"taggedAt": {"tag": {"name": "Nobody"}, "when": {"before": {}}}},
        {"appointments": {"atLeast": {"count": 0, "where": {}}}},
    ]
    assert [".".join(problem.path[2:]) for problem in problems(contacts(all=leaves))] == [
        *("0.score.between.from", "0.score.between.to"),
        *("1.createdAt.before.now.days", "1.createdAt.before.now.hours"),
        *("2.taggedAt.tag.name", "2.taggedAt.when.before"),
        *("3.appointments.atLeast.count", "3.appointments.atLeast.where"),
    ]


NEGATIVES: list[Any] = [
    {"country": {"notEquals": ["x"]}},
    {"country": {"notContains": ["x"]}},
    {"score": {"notEquals": ["1"]}},
    {"birthday": {"notOn": [{"named": "TODAY"}]}},
    {"owner": {"isNone": [to_global_id("User", 1)]}},
    {"tags": {"containsNone": [{"name": "Client"}]}},
    {"group": {"memberOfNone": [to_global_id("Group", 1)]}},
    {"appointments": {"none": {"title": {"equals": ["x"]}}}},
    {"custom": {"key": "nickname", "text": {"notEquals": ["x"]}}},
    {"taggedAt": {"tag": {"name": "Client"}, "when": {"notOn": [{"named": "TODAY"}]}}},
]


@pytest.mark.parametrize("negative", NEGATIVES)
def test_a_negative_condition_must_not_stand_directly_in_any(negative: Any) -> None:
    (key,) = negative
    assert only(contacts(any=[negative, {"city": {"equals": ["y"]}}])) == (ProblemCode.NEGATIVE_UNDER_ANY, f"contacts.any.0.{key}")
    assert not refusals(contacts(all=[negative]))
    assert not refusals(contacts(any=[{"all": [negative]}, {"not": negative}]))


POSITIVES: list[Any] = [
    {"country": {"isEmpty": True}},
    {"custom": {"key": "agreed", "boolean": {"is": False}}},
    {"not": {"country": {"equals": ["x"]}}},
    {"appointments": {"some": {"title": {"notEquals": ["x"]}}}},
]


@pytest.mark.parametrize("positive", POSITIVES)
def test_only_negative_operators_are_negative(positive: Any) -> None:
    assert not refusals(contacts(any=[positive]))


INVALID: list[tuple[Any, str]] = [
    ({}, ""),
    ({"contacts": {}}, "contacts"),
    ({"contacts": {"city": {"isEmpty": True}}, "appointments": {}}, ""),
    (contacts(all=[]), "contacts.all"),
    (contacts(all={}), "contacts.all"),
    (contacts(country={"equals": "Canada"}), "contacts.country.equals"),
    (contacts(country={"equals": [" \t\u00a0"]}), "contacts.country.equals.0"),
    (contacts(country={"equals": [None]}), "contacts.country.equals.0"),
    (contacts(country={"equals": ["a\x00"]}), "contacts.country.equals.0"),
    (contacts(country={"equals": ["\ud800"]}), "contacts.country.equals.0"),
    (contacts(country={"startsWith": ["\U0010ffff"]}), "contacts.country.startsWith.0"),
    (contacts(country={"isEmpty": None}), "contacts.country.isEmpty"),
    (contacts(country={"greaterThan": "1"}), "contacts.country"),
    (contacts(title={"equals": ["x"]}), "contacts"),
    (contacts(score={"equals": [1.5]}), "contacts.score.equals.0"),
    (contacts(score={"equals": [True]}), "contacts.score.equals.0"),
    (contacts(spent={"equals": ["NaN"]}), "contacts.spent.equals.0"),
    (contacts(spent={"equals": ["1e400000000"]}), "contacts.spent.equals.0"),
    (contacts(spent={"equals": ["0.00001"]}), "contacts.spent.equals.0"),
    (contacts(spent={"lessThan": "100000000000000"}), "contacts.spent.lessThan"),
    (contacts(spent={"lessThan": 10**400}), "contacts.spent.lessThan"),
    (contacts(spent={"between": {"from": "1"}}), "contacts.spent.between.to"),
    (contacts(createdAt={"before": {"at": "2026-01-01T00:00:00"}}), "contacts.createdAt.before.at"),
    (contacts(createdAt={"before": {"at": "2026-01-01T00:00:00.1234567Z"}}), "contacts.createdAt.before.at"),
    (contacts(createdAt={"before": {"at": "2026-02-30T00:00:00Z"}}), "contacts.createdAt.before.at"),
    (contacts(createdAt={"before": {"at": "0001-01-01T00:00:00+14:00"}}), "contacts.createdAt.before.at"),
    (contacts(createdAt={"before": {"now": {"days": 2**31}}}), "contacts.createdAt.before.now.days"),
    (contacts(createdAt={"before": {"now": {"years": 1}}}), "contacts.createdAt.before.now"),
    (contacts(createdAt={"before": {"day": {"today": {"hours": 1}}}}), "contacts.createdAt.before.day.today.hours"),
    (contacts(createdAt={"withinLast": {}}), "contacts.createdAt.withinLast"),
    (contacts(createdAt={"withinNext": {"days": -1}}), "contacts.createdAt.withinNext"),
    (contacts(birthday={"withinNext": {"days": 1, "minutes": 5}}), "contacts.birthday.withinNext.minutes"),
    (contacts(birthday={"before": {"date": "2026-02-29"}}), "contacts.birthday.before.date"),
    (contacts(birthday={"before": {"named": "SOMEDAY"}}), "contacts.birthday.before.named"),
    (contacts(birthday={"anniversary": {"today": False}}), "contacts.birthday.anniversary.today"),
    (contacts(birthday={"anniversary": {"thisMonth": False}}), "contacts.birthday.anniversary.thisMonth"),
    (contacts(birthday={"anniversary": {"withinNextDays": 0}}), "contacts.birthday.anniversary.withinNextDays"),
    (contacts(appointments={"atLeast": {"count": 0}}), "contacts.appointments.atLeast.count"),
    (contacts(custom={"key": "nickname", "number": {"equals": ["1"]}}), "contacts.custom.number"),
    (contacts(custom={"key": "nickname"}), "contacts.custom"),
    (contacts(tags={"isExactly": [{"name": "Client"}]}), "contacts.tags"),
    ({"appointments": {"status": {"isAny": ["DONE"]}}}, "appointments.status.isAny.0"),
    ({"appointments": {"status": {"isEmpty": True}}}, "appointments.status"),
]


UPSIDE_DOWN: list[Any] = [
    contacts(score={"between": {"from": "10", "to": 9}}),
    contacts(custom={"key": "points", "number": {"between": {"from": "0.0001", "to": "0"}}}),
    contacts(birthday={"between": {"from": {"date": "2026-01-02"}, "to": {"date": "2026-01-01"}}}),
    contacts(createdAt={"between": {"from": {"at": "2026-01-01T00:00:00Z"}, "to": {"at": "2026-01-01T00:00:00+01:00"}}}),
    contacts(createdAt={"between": {"from": {"day": {"date": "2026-01-02"}}, "to": {"day": {"date": "2026-01-01"}}}}),
]
RIGHT_WAY_UP: list[Any] = [
    contacts(score={"between": {"from": "9", "to": "9.0"}}),
    contacts(birthday={"between": {"from": {"date": "2026-01-01"}, "to": {"date": "2026-01-01"}}}),
    contacts(createdAt={"between": {"from": {"at": "2026-01-01T00:00:00Z"}, "to": {"at": "2026-01-01T00:00:00Z"}}}),
    contacts(createdAt={"between": {"from": {"now": {}}, "to": {"now": {"days": -1}}}}),
    contacts(birthday={"between": {"from": {"named": "TODAY"}, "to": {"date": "2026-01-01"}}}),
]


@pytest.mark.parametrize("document", UPSIDE_DOWN)
def test_a_range_that_is_upside_down_for_good_is_refused_unless_it_was_stored(document: Any) -> None:
    (problem,) = problems(document)
    assert (problem.code, problem.path[-1]) == (ProblemCode.INVALID, "between")
    assert "swap `from` and `to`" in problem.message
    assert parse(document, NAMES, LIMITS, stored=True).document == document


@pytest.mark.parametrize("document", RIGHT_WAY_UP)
def test_a_range_that_has_one_value_or_moves_with_time_is_accepted(document: Any) -> None:
    assert not refusals(document)


@pytest.mark.parametrize(("document", "path"), INVALID)
def test_what_is_malformed_is_invalid_at_its_place(document: Any, path: str) -> None:
    assert only(document) == (ProblemCode.INVALID, path)


UNKNOWN: list[tuple[Any, str]] = [
    (contacts(tags={"containsAll": [{"id": to_global_id("Tag", 7)}]}), "contacts.tags.containsAll.0.id"),
    (contacts(tags={"containsAll": [{"id": to_global_id("Group", 1)}]}), "contacts.tags.containsAll.0.id"),
    (contacts(taggedAt={"tag": {"name": "Nobody"}, "when": {"isEmpty": True}}), "contacts.taggedAt.tag.name"),
    (contacts(group={"memberOfAny": ["nonsense"]}), "contacts.group.memberOfAny.0"),
    (contacts(owner={"isAny": [to_global_id("User", 7)]}), "contacts.owner.isAny.0"),
    (contacts(custom={"key": "shoeSize", "number": {"equals": ["1"]}}), "contacts.custom.key"),
    (contacts(custom={"key": "colour", "choice": {"containsAny": ["red", "Blue"]}}), "contacts.custom.choice.containsAny.1"),
]


@pytest.mark.parametrize(("document", "path"), UNKNOWN)
def test_what_does_not_exist_is_not_found(document: Any, path: str) -> None:
    assert only(document) == (ProblemCode.NOT_FOUND, path)


def test_a_group_of_appointments_cannot_be_named() -> None:
    names = replace(NAMES, groups={1: GroupName("Visits", APPOINTMENT)})
    with pytest.raises(Refused, match="groups of contacts"):
        parse(contacts(group={"memberOfAny": [to_global_id("Group", 1)]}), names, LIMITS)


def test_tags_are_stored_by_id_and_everything_else_as_it_was_written() -> None:
    document = contacts(
        all=[{"tags": {"containsAny": [{"name": " CLIENT "}]}}, {"country": {"equals": [" Canada "]}}, {"spent": {"lessThan": "1.50"}}]
    )
    assert read(document).document == contacts(
        all=[
            {"tags": {"containsAny": [{"id": to_global_id("Tag", 1)}]}},
            {"country": {"equals": [" Canada "]}},
            {"spent": {"lessThan": "1.50"}},
        ]
    )


def test_a_message_repeats_no_long_value() -> None:
    assert all(len(problem.message) < 400 for problem in problems(contacts(tags={"containsAny": [{"name": "x" * 100_000}]})))
