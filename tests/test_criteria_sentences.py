"""Criteria in words, diagnostics on them, and why a record matches."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.fields import to_microseconds
from models.ids import to_global_id
from resolvers.criteria.diagnostics.diagnose import DiagnosticCode, diagnose
from resolvers.criteria.evaluation.explain import ExplanationNode, explain
from resolvers.criteria.evaluation.needs import Needs, needs
from resolvers.criteria.evaluation.predicate import compile_node, compile_predicate
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.mentions import Mention, groups_mentioned, mentions
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.language.tree import AllOf, AnyOf, Path, Tree, walk
from resolvers.criteria.rendering.sentence import sentence
from resolvers.criteria.semantics.time import Now
from resolvers.records.appointments import APPOINTMENT
from tests.support import criteria_world as world
from tests.support.criteria_reference import Reference

ZONE = ZoneInfo("Europe/Berlin")
NAMES = world.vocabulary(ZONE, with_gone=True)
TODAY = world.vocabulary(ZONE, with_gone=False)
LIMITS = CriteriaLimits()
PEOPLE = [person | ({"country": "aAb"[n % 4 :] or None} if n % 2 else {}) for n, person in enumerate(world.contacts(7, 60))]
CLIENT, VIP, ANN = {"name": "Client"}, {"name": "VIP"}, to_global_id("User", 1)
GOLD, SILVER = to_global_id("Group", 1), to_global_id("Group", 2)

thorough = settings(max_examples=150, deadline=None)


def read(document: Any) -> Tree:
    """The tree as it is read from storage today."""
    return parse(parse(document, NAMES, LIMITS).document, TODAY, LIMITS, stored=True)


def of_contacts(**leaf: Any) -> Tree:
    return read({"contacts": leaf})


def of_appointments(**leaf: Any) -> Tree:
    return read({"appointments": leaf})


# ---------------------------------------------------------------- sentences

CONTACT_SENTENCES: list[tuple[Any, str]] = [
    ({"country": {"equals": ["Canada"]}}, "Country is Canada"),
    ({"country": {"notEquals": ["Canada", "Mexico", "Peru"]}}, "Country is not Canada, Mexico or Peru"),
    ({"firstName": {"startsWith": ["An"]}}, "First name starts with An"),
    ({"company": {"notContains": ["Inc", "Ltd"]}}, "Company does not contain Inc or Ltd"),
    ({"timezone": {"isEmpty": True}}, "Time zone is empty"),
    ({"phone": {"isEmpty": False}}, "Phone is not empty"),
    ({"score": {"between": {"from": "1", "to": 1000}}}, "Score is between 1 and 1,000"),
    ({"spent": {"greaterOrEqual": "12.50"}}, "Amount spent is at least 12.50"),
    ({"not": {"spent": {"lessThan": "5"}}}, "Amount spent is not less than 5"),
    ({"birthday": {"anniversary": {"withinNextDays": 7}}}, "Birthday is in the next 7 days in any year"),
    ({"birthday": {"on": [{"date": "1984-02-29"}, {"named": "TODAY"}]}}, "Birthday is 29 February 1984 or today"),
    ({"lastActivityAt": {"withinLast": {"days": 30}}}, "Last activity is in the last 30 days"),
    ({"createdAt": {"withinLast": {"months": 1, "days": 2}}}, "Was created in the last month and 2 days"),
    ({"not": {"createdAt": {"withinLast": {"days": 1}}}}, "Was not created in the last day"),
    ({"birthday": {"anniversary": {"withinLastDays": 1}}}, "Birthday is in the last day in any year"),
    ({"createdAt": {"isEmpty": False}}, "Was created at a known time"),
    ({"createdAt": {"after": {"at": "2026-03-02T12:00:00Z"}}}, "Was created after 2 March 2026, 13:00 (CET)"),
    ({"createdAt": {"onOrBefore": {"at": "2026-03-02T12:00:00Z"}}}, "Was created on 2 March 2026, 13:00 (CET) or earlier"),
    ({"createdAt": {"on": [{"date": "2026-03-02"}, {"named": "YESTERDAY"}]}}, "Was created on 2 March 2026 or yesterday"),
    ({"createdAt": {"onOrAfter": {"day": {"named": "FIRST_DAY_OF_THIS_MONTH"}}}}, "Was created on the first day of this month or later"),
    ({"createdAt": {"onOrBefore": {"day": {"date": "2026-03-02"}}}}, "Was created at the start of 2 March 2026 or earlier"),
    ({"createdAt": {"before": {"day": {"named": "TODAY"}}}}, "Was created before today"),
    ({"createdAt": {"after": {"day": {"named": "FIRST_DAY_OF_LAST_MONTH"}}}}, "Was created after the start of the first day of last month"),
    ({"tags": {"containsAll": [CLIENT, {"name": "VIP"}]}}, "Tags contain Client and VIP"),
    ({"tags": {"containsNone": [CLIENT]}}, "Tags do not contain Client"),
    ({"tags": {"isEmpty": True}}, "Tags are empty"),
    ({"taggedAt": {"tag": CLIENT, "when": {"onOrAfter": {"now": {"weeks": -2}}}}}, "Was tagged Client 2 weeks ago or later"),
    ({"taggedAt": {"tag": CLIENT, "when": {"isEmpty": True}}}, "Was not tagged Client"),
    ({"taggedAt": {"tag": {"name": "Gone"}, "when": {"isEmpty": False}}}, "Was tagged with a deleted tag"),
    ({"group": {"memberOfAny": [GOLD]}}, "Is in group Gold"),
    ({"group": {"memberOfNone": [GOLD, SILVER]}}, "Is not in group Gold or Silver"),
    ({"owner": {"isNone": [ANN]}}, "Owner is not Ann"),
    ({"custom": {"key": "agreed", "boolean": {"is": True}}}, "Agreed is yes"),
    ({"custom": {"key": "hobbies", "choice": {"isExactly": ["Chess", "Go"]}}}, "Hobbies is exactly Chess and Go"),
    ({"appointments": {"none": {"startsAt": {"onOrAfter": {"now": {}}}}}}, "Has no appointment where it starts now or later"),
    ({"appointments": {"atLeast": {"count": 3}}}, "Has at least 3 appointments"),
    (
        {"appointments": {"atLeast": {"count": 2, "where": {"status": {"isNone": ["NO_SHOW"]}}}}},
        "Has at least 2 appointments where their status is not no-show",
    ),
    (
        {"appointments": {"atLeast": {"count": 2, "where": {"startsAt": {"before": {"now": {}}}}}}},
        "Has at least 2 appointments where they start before now",
    ),
    (
        {"not": {"appointments": {"atLeast": {"count": 2, "where": {"not": {"endsAt": {"withinLast": {"days": 7}}}}}}}},
        "Has fewer than 2 appointments where they do not end in the last 7 days",
    ),
    (
        {"appointments": {"atLeast": {"count": 2, "where": {"createdAt": {"onOrAfter": {"day": {"named": "TODAY"}}}}}}},
        "Has at least 2 appointments where they were created today or later",
    ),
    ({"appointments": {"some": {"endsAt": {"isEmpty": True}}}}, "Has an appointment where it does not end at a known time"),
    (
        {"appointments": {"some": {"all": [{"title": {"contains": ["demo"]}}, {"status": {"isAny": ["NO_SHOW"]}}]}}},
        "Has an appointment where (its title contains demo, and its status is no-show)",
    ),
    (
        {"all": [{"any": [{"city": {"equals": ["Paris"]}}, {"city": {"equals": ["Rome"]}}]}, {"tags": {"isEmpty": False}}]},
        "(City is Paris, or city is Rome), and tags are not empty",
    ),
    (
        {"not": {"any": [{"city": {"equals": ["Paris"]}}, {"city": {"equals": ["Rome"]}}]}},
        "It is not true that (city is Paris, or city is Rome)",
    ),
    ({"tags": {"containsAny": [{"name": "Gone"}]}}, "Tags contain a deleted tag"),
    ({"group": {"memberOfAll": [GOLD, to_global_id("Group", world.GONE_GROUP)]}}, "Is in group Gold and a deleted group"),
    ({"group": {"memberOfAny": [to_global_id("Group", world.GONE_GROUP)]}}, "Is in a deleted group"),
    ({"custom": {"key": "gone", "number": {"equals": [1]}}}, "Deleted field gone is 1"),
    ({"country": {"equals": [f"Land {n}" for n in range(1000)]}}, f"Country is {', '.join(f'Land {n}' for n in range(19))} or 981 others"),
]


@pytest.mark.parametrize(("document", "expected"), CONTACT_SENTENCES)
def test_criteria_read_as_a_sentence(document: Any, expected: str) -> None:
    assert sentence(of_contacts(**document), TODAY) == expected


DISTANCES = [
    ("before", {"days": -3}, "more than 3 days ago", "more than 3 days ago"),
    ("onOrBefore", {"days": -3}, "at least 3 days ago", "at least 3 days ago"),
    ("after", {"days": -3}, "later than 3 days ago", "later than 3 days ago"),
    ("onOrAfter", {"days": -3}, "3 days ago or later", "3 days ago or later"),
    ("before", {"weeks": 1}, "earlier than 1 week from now", "earlier than 1 week from today"),
    ("onOrBefore", {"weeks": 1}, "1 week from now or earlier", "1 week from today or earlier"),
    ("after", {"weeks": 1}, "more than 1 week from now", "more than 1 week from today"),
    ("onOrAfter", {"weeks": 1}, "at least 1 week from now", "at least 1 week from today"),
    ("before", {}, "before now", "before today"),
    ("onOrAfter", {}, "now or later", "today or later"),
    ("onOrBefore", {"months": -216}, "at least 18 years ago", "at least 18 years ago"),
    ("onOrBefore", {"months": -12}, "at least 12 months ago", "at least 12 months ago"),
    ("before", {"months": 1, "days": -2}, "before now plus 1 month minus 2 days", "before today plus 1 month minus 2 days"),
]


@pytest.mark.parametrize(("operator", "offset", "instant", "day"), DISTANCES)
def test_a_distance_in_time_reads_as_people_say_it(operator: str, offset: Any, instant: str, day: str) -> None:
    assert sentence(of_contacts(createdAt={operator: {"now": offset}}), TODAY) == f"Was created {instant}"
    assert sentence(of_contacts(birthday={operator: {"today": offset}}), TODAY) == f"Birthday is {day}"


def test_a_group_without_a_name_is_not_called_by_one() -> None:
    names = replace(TODAY, groups={number: group.without_name() for number, group in TODAY.groups.items()})
    assert sentence(of_contacts(group={"memberOfAny": [GOLD]}), names) == "Is in a group you cannot view"
    one_named = TODAY.naming([2])
    assert sentence(of_contacts(group={"memberOfAny": [GOLD, SILVER]}), one_named) == "Is in group Silver or a group you cannot view"


def test_deleted_names_are_counted() -> None:
    gone = [{"id": to_global_id("Tag", number)} for number in (98, 99)]
    document: Any = {"contacts": {"tags": {"containsAny": [*gone, {"id": to_global_id("Tag", 1)}]}}}
    assert sentence(parse(document, TODAY, LIMITS, stored=True), TODAY) == "Tags contain Client or 2 deleted tags"


def test_an_appointment_speaks_of_its_contact() -> None:
    document: Any = {
        "all": [{"startsAt": {"before": {"now": {}}}}, {"contact": {"all": [{"country": {"isEmpty": False}}, {"tags": {"isEmpty": True}}]}}]
    }
    expected = "Starts before now, and (the contact's country is not empty, and the contact's tags are empty)"
    assert sentence(of_appointments(**document), TODAY) == expected


@thorough
@given(world.documents)
def test_every_tree_can_be_said(document: Any) -> None:
    words = sentence(read(document), TODAY)
    assert words
    assert "{" not in words
    assert "  " not in words


# ---------------------------------------------------------------- diagnostics


DEMO = {"title": {"contains": ["demo"]}}


def hobbies(operator: str, *choices: str) -> Any:
    return {"custom": {"key": "hobbies", "choice": {operator: [*choices]}}}


DIAGNOSTICS: list[tuple[Any, list[tuple[str, str]]]] = [
    ({"country": {"equals": ["Canada"]}}, []),
    ({"all": [{"country": {"equals": ["a"]}}, {"country": {"equals": ["b"]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"country": {"equals": ["a"]}}, {"country": {"notEquals": ["A"]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"country": {"equals": ["abc"]}}, {"country": {"startsWith": ["x"]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"country": {"isEmpty": True}}, {"country": {"contains": ["x"]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"tags": {"containsAny": [CLIENT]}}, {"tags": {"containsAny": [{"name": "VIP"}]}}]}, []),
    ({"all": [{"tags": {"containsAny": [CLIENT]}}, {"tags": {"containsNone": [CLIENT, {"name": "VIP"}]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"tags": {"containsAll": [CLIENT, VIP]}}, {"tags": {"containsNone": [VIP]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"tags": {"containsNone": [VIP]}}, {"tags": {"containsAll": [CLIENT, VIP]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"tags": {"containsAll": [CLIENT, VIP]}}, {"tags": {"isEmpty": True}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"tags": {"containsAll": [CLIENT, VIP]}}, {"not": {"tags": {"containsAll": [VIP]}}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"tags": {"containsAll": [CLIENT]}}, {"not": {"tags": {"containsAll": [CLIENT, VIP]}}}]}, []),
    ({"all": [{"tags": {"containsAll": [CLIENT, VIP]}}, {"tags": {"containsAny": [VIP]}}]}, [("REDUNDANT", "all.1.tags")]),
    ({"all": [{"group": {"memberOfAll": [GOLD, SILVER]}}, {"group": {"memberOfNone": [GOLD]}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [hobbies("isExactly", "Go"), hobbies("containsAny", "Chess")]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [hobbies("containsAll", "Go"), hobbies("isExactly", "Go")]}, [("REDUNDANT", "all.0.custom")]),
    ({"all": [{"appointments": {"some": DEMO}}, {"appointments": {"none": DEMO}}]}, [("ALWAYS_FALSE", "all")]),
    ({"all": [{"not": {"appointments": {"some": DEMO}}}, {"appointments": {"some": DEMO}}]}, [("ALWAYS_FALSE", "all")]),
    ({"any": [{"appointments": {"some": DEMO}}, {"not": {"appointments": {"some": DEMO}}}]}, [("ALWAYS_TRUE", "any")]),
    ({"all": [{"appointments": {"some": DEMO}}, {"appointments": {"atLeast": {"count": 1}}}]}, [("REDUNDANT", "all.1.appointments")]),
    ({"all": [{"appointments": {"none": DEMO}}, {"appointments": {"atLeast": {"count": 1}}}]}, []),
    (
        {
            "all": [
                {"appointments": {"atLeast": {"count": 2, "where": DEMO}}},
                {"not": {"appointments": {"atLeast": {"count": 3, "where": DEMO}}}},
            ]
        },
        [],
    ),
    ({"all": [{"score": {"greaterThan": "5"}}, {"score": {"lessOrEqual": "5"}}]}, [("ALWAYS_FALSE", "all")]),
    ({"createdAt": {"between": {"from": {"now": {}}, "to": {"now": {"days": -1}}}}}, [("ALWAYS_FALSE", "createdAt")]),
    (
        {"not": {"createdAt": {"between": {"from": {"now": {}}, "to": {"now": {"days": -1}}}}}},
        [("ALWAYS_TRUE", "not"), ("ALWAYS_FALSE", "not.createdAt")],
    ),
    (
        {"createdAt": {"between": {"from": {"at": "2026-03-02T12:00:00Z"}, "to": {"at": "2026-03-02T12:00:00Z"}}}},
        [("ALWAYS_FALSE", "createdAt")],
    ),
    ({"createdAt": {"between": {"from": {"now": {"days": -1}}, "to": {"now": {}}}}}, []),
    ({"createdAt": {"isEmpty": False}}, [("ALWAYS_TRUE", "createdAt")]),
    ({"any": [{"city": {"equals": ["x"]}}, {"not": {"city": {"equals": ["X"]}}}]}, [("ALWAYS_TRUE", "any")]),
    ({"all": [{"city": {"equals": ["x"]}}, {"city": {"equals": ["x"]}}]}, [("REDUNDANT", "all.1.city")]),
    ({"all": [{"city": {"startsWith": ["x"]}}, {"city": {"equals": ["xy"]}}]}, [("REDUNDANT", "all.0.city")]),
    ({"any": [{"city": {"startsWith": ["x"]}}, {"city": {"equals": ["xy"]}}]}, [("REDUNDANT", "any.1.city")]),
    (
        {"all": [{"createdAt": {"before": {"now": {"days": -1}}}}, {"createdAt": {"before": {"now": {}}}}]},
        [("REDUNDANT", "all.1.createdAt")],
    ),
    ({"tags": {"containsAny": [CLIENT, {"name": "Gone"}]}}, [("UNKNOWN_TAG", "tags")]),
    ({"taggedAt": {"tag": {"name": "Gone"}, "when": {"isEmpty": True}}}, [("UNKNOWN_TAG", "taggedAt")]),
    ({"group": {"memberOfAny": [to_global_id("Group", world.GONE_GROUP)]}}, [("UNKNOWN_GROUP", "group")]),
    ({"not": {"custom": {"key": "gone", "number": {"equals": ["1"]}}}}, [("UNKNOWN_FIELD", "not.custom")]),
    ({"custom": {"key": "gone", "number": {"isEmpty": True}}}, [("UNKNOWN_FIELD", "custom")]),
    (
        {"appointments": {"some": {"startsAt": {"isEmpty": True}}}},
        [("ALWAYS_FALSE", "appointments"), ("ALWAYS_FALSE", "appointments.some.startsAt")],
    ),
]


@pytest.mark.parametrize(("document", "expected"), DIAGNOSTICS)
def test_questionable_criteria_are_diagnosed_at_their_place(document: Any, expected: list[tuple[str, str]]) -> None:
    assert [(found.code, ".".join(found.path[1:])) for found in diagnose(of_contacts(**document), TODAY)] == expected


def test_a_choice_that_is_no_longer_offered_is_diagnosed_by_name() -> None:
    fields = {**TODAY.fields, "colour": replace(TODAY.fields["colour"], choices=("Grün",))}
    for operator in ("containsAny", "containsAll", "containsNone", "isExactly"):
        tree = of_contacts(custom={"key": "colour", "choice": {operator: ["GRÜN", "red", "50%"]}})
        assert diagnose(tree, TODAY) == []
        (found,) = diagnose(tree, replace(TODAY, fields=fields))
        assert (found.code, found.path) == (DiagnosticCode.UNKNOWN_CHOICE, ("contacts", "custom"))
        assert found.message.startswith("`colour` no longer offers `red` or `50%`. ")
    assert diagnose(of_contacts(custom={"key": "colour", "choice": {"isEmpty": True}}), replace(TODAY, fields=fields)) == []


def test_a_negative_condition_in_any_that_was_stored_is_diagnosed() -> None:
    tree = parse({"contacts": {"any": [{"city": {"notEquals": ["x"]}}]}}, TODAY, LIMITS, stored=True)
    assert [found.code for found in diagnose(tree, TODAY)] == [DiagnosticCode.NEGATIVE_UNDER_ANY]


# Few fields and values, so that leaves have something to do with each other.
few_texts = st.lists(st.sampled_from(["a", "A", "ab", "b"]), min_size=1, max_size=2)
few_moments = world.one_key(
    now=world.one_key(days=st.integers(-1, 1)), at=st.sampled_from(["2024-02-29T12:00:00Z", "2026-03-29T01:00:00Z"])
)
few_tags = st.lists(st.sampled_from([CLIENT, VIP]), min_size=1, max_size=2)
few_choices = world.choice_condition(["Chess", "Go"])
few_titles = world.one_key(status=world.one_key(isAny=st.just(["NO_SHOW"]), isNone=st.just(["NO_SHOW"])))
related_leaf = st.one_of(
    world.one_key(
        country=world.one_key(equals=few_texts, notEquals=few_texts, startsWith=few_texts, contains=few_texts, isEmpty=st.booleans())
    ),
    world.one_key(
        createdAt=world.one_key(before=few_moments, onOrAfter=few_moments, withinLast=st.just({"days": 2}), isEmpty=st.booleans())
    ),
    world.one_key(tags=world.one_key(containsAny=few_tags, containsAll=few_tags, containsNone=few_tags, isEmpty=st.booleans())),
    world.one_key(custom=st.fixed_dictionaries({"key": st.just("hobbies"), "choice": few_choices})),
    world.one_key(
        appointments=world.one_key(
            some=few_titles,
            none=few_titles,
            atLeast=st.fixed_dictionaries({"count": st.integers(1, 2)}, optional={"where": few_titles}),
        )
    ),
)
related_documents = world.one_key(contacts=world.tree_of(related_leaf, 2))


def is_about_contacts(path: Path) -> bool:
    """Whether the node there is judged of contacts: that is decided by the last step above it that changes the kind of record."""
    return next(step for step in reversed(path[:-1]) if step in ("contacts", "appointments", "contact")) != "appointments"


@thorough
@given(st.one_of(world.documents, related_documents, related_documents), world.moments_of_evaluation)
def test_diagnostics_are_true(document: Any, moment: tuple[datetime, ZoneInfo]) -> None:
    tree, now = read(document), Now(to_microseconds(moment[0]), moment[1])
    nodes = {node.path: node for node in walk(tree.root)}
    lists = {child.path: node for node in nodes.values() if isinstance(node, AllOf | AnyOf) for child in node.children}
    contacts: list[Any] = [world.facts(person) for person in PEOPLE]
    appointments: list[Any] = [appointment for contact in contacts for appointment in contact.owned[APPOINTMENT]]
    for found in diagnose(tree, replace(TODAY, zone=moment[1])):
        about = contacts if is_about_contacts(found.path) else appointments
        if found.code in (DiagnosticCode.ALWAYS_TRUE, DiagnosticCode.ALWAYS_FALSE):
            expected = found.code is DiagnosticCode.ALWAYS_TRUE
            assert all(compile_node(nodes[found.path])(record, now) is expected for record in about), found
        elif found.code is DiagnosticCode.REDUNDANT:
            parent = lists[found.path]
            rest = type(parent)(tuple(child for child in parent.children if child.path != found.path), parent.path)
            assert all(compile_node(parent)(record, now) is compile_node(rest)(record, now) for record in about), found


# ---------------------------------------------------------------- explanations


def checked(node: ExplanationNode, document: Any) -> None:
    assert node.text
    assert node.path
    for child in node.children:
        checked(child, document)


@thorough
@given(world.documents, world.moments_of_evaluation)
def test_an_explanation_agrees_with_the_predicate(document: Any, moment: tuple[datetime, ZoneInfo]) -> None:
    tree, now = read(document), Now(to_microseconds(moment[0]), ZONE)
    person = world.facts(random.Random(repr(document)).choice(PEOPLE))
    records: list[Any] = [person] if tree.record_type is CONTACT else list(person.owned[APPOINTMENT])
    for record in records:
        explanation = explain(tree, record, now=now, vocabulary=TODAY)
        assert explanation.matches is explanation.root.matches is compile_predicate(tree)(record, now)
        checked(explanation.root, document)


def test_an_explanation_shows_what_was_compared() -> None:
    person = PEOPLE[0] | {
        "country": " Canada",
        "birthday": datetime(1984, 2, 29, tzinfo=UTC).date(),
        "spent": world.NUMBERS[2],
        "tags": {"VIP": world.NOWS[0]},
        "owner": ANN,
        "groups": {GOLD},
        "appointments": [],
        "custom": {"hobbies": ["Chess", "Go"]},
    }
    leaves: list[tuple[Any, bool, Any]] = [
        ({"country": {"equals": ["CANADA"]}}, True, "canada"),
        ({"birthday": {"before": {"date": "1984-02-29"}}}, False, "1984-02-29"),
        ({"spent": {"equals": ["1.5"]}}, True, "1.5"),
        ({"tags": {"containsAny": [CLIENT]}}, False, ["VIP"]),
        ({"taggedAt": {"tag": {"name": "VIP"}, "when": {"isEmpty": False}}}, True, "2024-02-29T12:00:00Z"),
        ({"owner": {"isAny": [ANN]}}, True, "Ann"),
        ({"group": {"memberOfNone": [GOLD]}}, False, ["Gold"]),
        ({"custom": {"key": "hobbies", "choice": {"containsAll": ["chess"]}}}, True, ["chess", "go"]),
        ({"custom": {"key": "points", "number": {"isEmpty": True}}}, True, None),
        ({"appointments": {"none": {"title": {"contains": ["x"]}}}}, True, 0),
    ]
    tree = of_contacts(all=[leaf for leaf, _, _ in leaves])
    explanation = explain(tree, world.facts(person), now=Now(0, ZONE), vocabulary=TODAY)
    assert [(child.matches, child.actual) for child in explanation.root.children] == [(matches, actual) for _, matches, actual in leaves]


# ---------------------------------------------------------------- mentions and needs


def test_a_tree_mentions_all_that_can_change_it() -> None:
    tree = of_contacts(
        all=[
            {"country": {"equals": ["x"]}},
            {"not": {"tags": {"containsAny": [CLIENT]}}},
            {"tags": {"isEmpty": False}},
            {"taggedAt": {"tag": {"name": "VIP"}, "when": {"isEmpty": False}}},
            {"group": {"memberOfAny": [GOLD]}},
            {"custom": {"key": "points", "number": {"isEmpty": False}}},
            {"appointments": {"some": {"all": [{"title": {"equals": ["x"]}}, {"contact": {"city": {"isEmpty": True}}}]}}},
        ]
    )
    assert mentions(tree) == {
        Mention("contact", "country_folded"),
        Mention("contact", "city_folded"),
        Mention("tag", 0),
        Mention("tag", 1),
        Mention("tag", 2),
        Mention("group", 1),
        Mention("custom", 3),
        Mention("appointment", "*"),
        Mention("appointment", "title_folded"),
    }
    assert groups_mentioned(tree) == {1}
    assert needs(tree) == Needs(tags=True, custom=True, groups=True, owned=frozenset([APPOINTMENT]))
    assert needs(of_contacts(city={"isEmpty": True})) | needs(of_contacts(tags={"isEmpty": True})) == Needs(tags=True)


MENTIONED_KEYS = (*world.CONTACT_TEXTS, *world.CONTACT_INSTANTS, "score", "spent", "birthday", "owner", "tags")


@thorough
@given(world.documents, world.moments_of_evaluation)
def test_what_is_not_mentioned_changes_nothing(document: Any, moment: tuple[datetime, ZoneInfo]) -> None:
    tree, reference = read(document), Reference(moment[0], ZONE)
    if tree.record_type is not CONTACT:
        return
    chance = random.Random(repr(document))
    one, other = chance.sample(PEOPLE, 2)
    key = chance.choice(MENTIONED_KEYS)
    changed = one | {key: other[key]}
    changed["appointments"] = [appointment | {"contact": changed} for appointment in one["appointments"]]
    columns = {"owner": "owner_id", "firstName": "first_name_folded", "lastActivityAt": "last_activity_at", "createdAt": "created_at"}
    kind = "tag" if key == "tags" else "contact"
    column = columns.get(key) or (key if key in ("score", "spent", "birthday") else f"{key}_folded")
    mentioned = {mention for mention in mentions(tree) if mention.kind == kind and (kind == "tag" or mention.key == column)}
    if reference.holds(document, one) != reference.holds(document, changed):
        assert mentioned
