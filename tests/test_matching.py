"""Matching, by example: a change leads to the groups that tell the old value from the new one, and to hardly any other."""

import sys
from dataclasses import replace
from types import FrameType
from typing import Any

import pytest

from models.fields import to_day_number, to_microseconds
from models.ids import to_global_id
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.mentions import ANY_TAG, Mention
from resolvers.criteria.language.names import GroupName
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.membership.candidates.account_definitions import AccountDefinitions, compile_definition
from resolvers.membership.candidates.matching import ContactChange
from resolvers.records.appointments import APPOINTMENT
from tests.support import criteria_world as world

ZONE = world.ZONES[0]
NOW = world.NOWS[0]
CLIENT, VIP = world.TAGS["Client"], world.TAGS["VIP"]
EVERYTHING = Needs(tags=True, custom=True, groups=True, owned=frozenset([APPOINTMENT]))
HOUR = 3_600_000_000

Document = dict[str, Any]


def tagged(*names: str, operator: str = "containsAny") -> Document:
    return {"tags": {operator: [{"name": name} for name in names]}}


def country(*names: str) -> Document:
    return {"country": {"equals": list(names)}}


def account(*criteria: Document) -> AccountDefinitions:
    """Groups of contacts with these criteria, numbered from 1."""
    documents = dict(enumerate(criteria, 1))
    names = world.vocabulary(ZONE, with_gone=False)
    names = replace(names, groups={number: GroupName(f"Group {number}", CONTACT) for number in documents} | dict(names.groups))
    trees = {number: parse({"contacts": document}, names, CriteriaLimits()) for number, document in documents.items()}
    groups = {number: compile_definition(number, tree, members_id=number) for number, tree in trees.items()}
    return AccountDefinitions(-1, ZONE).renewed(0, ZONE, changed=groups, gone=())


def contact(*tags: int, custom: dict[int, tuple[Any, ...]] | None = None, **columns: Any) -> ContactFacts:
    values = dict.fromkeys(CONTACT.columns) | {"updated_at": 0, "created_at": 0} | columns
    return ContactFacts(1, values, dict.fromkeys(tags, 0), custom or {})


def changed(known: AccountDefinitions, facts: ContactFacts, before: dict[str, Any]) -> set[int]:
    """The groups to look at when these columns had these values before."""
    told = {Mention("contact", column): () if value is None else (value,) for column, value in before.items()}
    return found(known, ContactChange(facts, told.keys(), told))


def found(known: AccountDefinitions, alteration: ContactChange, *, settled: int = 0) -> set[int]:
    now = to_microseconds(NOW)
    matching = known.matching(settled=known.at(now - settled), now=known.at(now))
    alteration.loaded = EVERYTHING
    return matching.candidates(matching.triggered(alteration), alteration)


def test_a_change_of_country_leads_to_groups_that_name_the_old_or_the_new_one() -> None:
    known = account(country("Canada"), country("Mexico"), country("Peru", "Chile"), {"country": {"notEquals": ["Canada"]}})
    assert changed(known, contact(country_folded="canada"), {"country_folded": "chile"}) == {1, 3, 4}
    assert changed(known, contact(country_folded="canada"), {"country_folded": None}) == {1, 4}
    assert changed(known, contact(country_folded="canada"), {"country_folded": "canada"}) == set()


def test_a_change_of_a_number_leads_to_groups_with_a_bound_between_the_old_and_the_new_one() -> None:
    known = account(
        *({"score": {"greaterThan": str(10 * bound)}} for bound in range(10)), {"score": {"between": {"from": "30", "to": "40"}}}
    )
    assert changed(known, contact(score=25), {"score": 5}) == {2, 3}
    assert changed(known, contact(score=35), {"score": 25}) == {4, 11}
    assert changed(known, contact(score=45), {"score": 25}) == {4, 5}
    assert changed(known, contact(score=35), {"score": None}) == {1, 2, 3, 4, 11}
    assert changed(known, contact(score=None), {"score": 5}) == {1}


def test_a_change_of_text_leads_to_groups_whose_part_comes_or_goes() -> None:
    known = account({"company": {"contains": ["foods"]}}, {"company": {"endsWith": ["law"]}}, {"company": {"isEmpty": True}})
    assert changed(known, contact(company_folded="ba law"), {"company_folded": "ba foods"}) == {1, 2}
    assert changed(known, contact(company_folded="ba law"), {"company_folded": "co law"}) == set()
    assert changed(known, contact(company_folded=None), {"company_folded": "media"}) == {3}


def test_a_tag_leads_to_groups_whose_other_conditions_the_contact_may_meet() -> None:
    known = account(
        tagged("Client"),
        {"all": [tagged("Client"), country("Canada")]},
        {"all": [tagged("Client"), country("Mexico")]},
        {"all": [tagged("Client", "VIP"), {"not": tagged("Client", operator="containsNone")}]},
        tagged("Client", "VIP", operator="containsAll"),
        {"any": [{"all": [tagged("Client"), country("Peru")]}, {"all": [tagged("VIP"), country("Canada")]}]},
    )
    flip = ContactChange(contact(CLIENT, country_folded="canada"), [Mention("tag", CLIENT)])
    assert found(known, flip) == {1, 2, 4, 6}


def test_a_contact_that_met_every_condition_before_and_meets_none_now_is_let_through() -> None:
    known = account(
        {"all": [country("Canada"), {"city": {"equals": ["Lima"]}}]}, tagged("Client", "VIP", operator="containsAll"), country("Peru")
    )
    left = {"country_folded": "canada", "city_folded": "lima"}
    assert changed(known, contact(), left) == {1}
    assert changed(known, contact(country_folded="peru"), left | {"city_folded": "quito"}) == {3}
    assert found(known, ContactChange(contact(), [Mention("tag", CLIENT), Mention("tag", VIP)])) == {2}


def test_a_value_that_nobody_recalls_may_have_been_any() -> None:
    known = account(*({"all": [tagged("Client"), country(name)]} for name in ("Canada", "Peru")), {"country": {"contains": ["u"]}})
    assert found(known, ContactChange(contact(CLIENT, country_folded="chile"), [Mention("contact", "country_folded")])) == {1, 2, 3}
    assert found(known, ContactChange(contact(country_folded="chile"), [Mention("contact", "country_folded")])) == {3}


def test_what_has_not_been_read_may_be_anything() -> None:
    known = account({"all": [tagged("VIP"), country("Canada")]})
    now = known.at(to_microseconds(NOW))
    matching = known.matching(settled=now, now=now)
    alteration = ContactChange(contact(country_folded="canada"), [Mention("contact", "country_folded")])
    triggered = matching.triggered(alteration)
    assert matching.candidates(triggered, alteration) == {1}
    alteration.loaded = EVERYTHING
    assert matching.candidates(triggered, alteration) == set()


def test_having_any_tag_is_asked_only_where_the_first_one_came_or_the_last_one_went() -> None:
    known = account({"tags": {"isEmpty": True}}, {"tags": {"isEmpty": False}})
    assert found(known, ContactChange(contact(CLIENT), [Mention("tag", CLIENT)])) == {1, 2}
    assert found(known, ContactChange(contact(), [Mention("tag", CLIENT)])) == {1, 2}
    assert found(known, ContactChange(contact(CLIENT, VIP), [Mention("tag", CLIENT)])) == set()


def test_a_new_contact_is_led_to_the_groups_whose_values_it_has() -> None:
    known = account(
        country("Canada"),
        {"all": [country("Canada"), tagged("VIP")]},
        {"any": [country("Mexico"), tagged("Client")]},
        {"country": {"notEquals": ["Canada"]}},
        {"all": [{"score": {"greaterThan": "5"}}, country("Peru")]},
        {"any": [{"score": {"greaterThan": "5"}}, {"company": {"contains": ["law"]}}]},
        {"score": {"greaterThan": "8"}},
        {"not": {"company": {"isEmpty": True}}},
        {"not": {"score": {"isEmpty": True}}},
    )
    new = ContactChange(contact(CLIENT, country_folded="canada", score=7), created=[CONTACT])
    assert found(known, new) == {1, 3, 4, 6, 9}


def test_custom_values_are_told_apart_like_columns() -> None:
    known = account(*({"custom": {"key": "points", "number": {"greaterThan": str(bound)}}} for bound in (1, 2, 3)))
    place = Mention("custom", 3)
    facts = contact(custom={3: (25_000,)})
    assert found(known, ContactChange(facts, [place], {place: (15_000,)})) == {2}
    assert found(known, ContactChange(facts, [place], {place: ()})) == {1, 2}
    assert found(known, ContactChange(facts, [place])) == {1, 2, 3}


def test_a_condition_that_time_moves_is_asked_at_both_moments_while_the_clock_has_not_settled() -> None:
    known = account({"lastActivityAt": {"withinLast": {"hours": 1}}}, {"birthday": {"withinLast": {"days": 3}}})
    now = to_microseconds(NOW)
    recent = contact(last_activity_at=now - HOUR // 2)
    assert changed(known, recent, {"last_activity_at": now - HOUR // 3}) == set()
    assert changed(known, recent, {"last_activity_at": now - 2 * HOUR}) == {1}
    place = Mention("contact", "last_activity_at")
    # It is still a member, by the truth of half an hour ago, although neither value makes it one now.
    alteration = ContactChange(contact(last_activity_at=now - 3 * HOUR), [place], {place: (now - HOUR - 1,)})
    assert found(known, alteration) == set()
    assert found(known, alteration, settled=HOUR // 2) == {1}
    today = to_day_number(NOW.date())
    assert changed(known, contact(birthday=today), {"birthday": today - 1}) == set()
    assert changed(known, contact(birthday=today), {"birthday": today - 9}) == {2}


def test_groups_are_found_by_all_that_their_criteria_mention() -> None:
    known = account(
        tagged("Client"),
        {"tags": {"isEmpty": True}},
        {"taggedAt": {"tag": {"name": "Client"}, "when": {"isEmpty": False}}},
        {"custom": {"key": "points", "number": {"greaterThan": "1"}}},
        {"group": {"memberOfAny": [to_global_id("Group", 1)]}},
    )
    mentioned = [Mention("tag", CLIENT), Mention("tag", ANY_TAG), Mention("custom", 3), Mention("group", 1), Mention("tag", VIP)]
    assert [known.mentioning(mention) for mention in mentioned] == [{1, 3}, {2}, {4}, {5}, set()]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1)])
def test_a_group_ranks_above_those_that_it_depends_on(order: tuple[int, ...]) -> None:
    below = [to_global_id("Group", number) for number in (1, 2)]
    known = account(tagged("Client"), {"group": {"memberOfAny": below[:1]}}, {"group": {"memberOfNone": below}})
    ranks = {number: known.rank(number) for number in order}
    assert ranks[1] < ranks[2] < ranks[3]
    assert known.dependants([1]) == {2, 3}
    now = known.at(0)
    assert known.matching(settled=now, now=now).followers([1], ContactChange(contact())) == {2, 3}


def test_a_group_that_asks_for_two_others_follows_either() -> None:
    inside = [{"group": {"memberOfAny": [to_global_id("Group", number)]}} for number in (1, 2)]
    known = account(tagged("Client"), tagged("VIP"), {"all": inside}, {"all": [inside[0], country("Canada")]})
    now = known.at(0)
    alteration = ContactChange(contact(country_folded="peru"), loaded=EVERYTHING)
    matching = known.matching(settled=now, now=now)
    assert [matching.followers([number], alteration) for number in (1, 2, 3)] == [{3}, {3}, set()]


def test_a_moment_is_the_same_object_while_the_clock_stands() -> None:
    known = account()
    assert known.at(5) is known.at(5)
    assert (known.at(6).instant_us, known.at(7).zone) == (6, ZONE)
    assert known.at(5) == known.at(5)


def ranking_calls(count: int) -> int:
    """How many calls it takes to rank a chain of groups, each of which mentions the one before it."""
    inside = [{"group": {"memberOfAny": [to_global_id("Group", number)]}} for number in range(1, count)]
    known, calls = account(tagged("Client"), *inside), 0

    def note(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    ranks = [known.rank(number) for number in range(1, count + 1)]
    sys.setprofile(before)
    assert ranks == [*range(count)]
    return calls


def test_ranking_takes_as_many_steps_as_there_are_groups() -> None:
    assert ranking_calls(120) < 5 * ranking_calls(40)
