"""Previews: what they count is what a group would have, and what they refuse is what saving would refuse."""

import json
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import GroupMember, Role
from models.engine.database import Database
from models.errors import BadInput, Refused
from models.ids import to_global_id
from resolvers.authoring.preview import count, criteria_text, diagnostics, preview, sample
from resolvers.grouping.groups import create_group, delete_group
from resolvers.operation.context import Context
from resolvers.reading.paging import PageArguments
from resolvers.records.contacts import contacts
from tests.support import criteria_world as world
from tests.support.callers import new_account, new_user
from tests.support.criteria_account import account, group_id, new_group, set_moment
from tests.support.graphql import answer, ask

PREVIEW = """
query ($criteria: CriteriaInput!, $sample: Int! = 10) {
  preview(criteria: $criteria, sample: $sample) { count criteriaText diagnostics { code path message } sample { __typename id } }
}
"""
CREATE = """
mutation ($fields: ContactFields!, $tags: [TagRef!]) {
  createContact(input: {fields: $fields, tags: $tags, createMissingTags: true}) { contact { id } }
}
"""
CANADIANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}


async def create(owner: Context, *tags: str, **fields: Any) -> str:
    """A new contact's id."""
    created = await ask(owner, CREATE, fields=fields, tags=[{"name": tag} for tag in tags])
    contact: str = created["createContact"]["contact"]["id"]
    return contact


# ---------------------------------------------------------------- laws


@pytest.fixture
async def people(database: Database) -> AsyncIterator[Context]:
    async with account(database) as context:
        yield context


cases = st.lists(world.documents, min_size=5, max_size=8)
thorough = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(seed=st.integers(0, 2**32), cases=cases, at=world.moments_of_evaluation)
async def test_a_preview_counts_the_members_that_a_group_would_have(
    people: Context, seed: int, cases: list[dict[str, Any]], at: tuple[datetime, ZoneInfo]
) -> None:
    await world.store(people.services.database, world.contacts(seed, 25))
    await set_moment(people, *at)
    for document in cases:
        group = await new_group(people, document)
        if group is None:
            with pytest.raises(BadInput):
                await preview(people, criteria=document, sample=0)
            continue
        members = await GroupMember.filter(set_id=group.members_id).order_by("record_id").values_list("record_id", flat=True)
        found = await preview(people, criteria=document, sample=10)
        assert await count(people, found) == len(members) == group.member_count
        assert [record.pk for record in await sample(people, found)] == members[:10]
        if where := document.get("contacts"):
            page = await contacts(people, where=where, search=None, order=None, page=PageArguments(first=0))
            assert await page.total_count() == len(members)
        await delete_group(people, group_id=group_id(group), force=True)


# ---------------------------------------------------------------- answers


async def test_a_preview_answers_all_that_saving_would_and_saves_nothing(owner: Context) -> None:
    ids = [await create(owner, "Client", country=country) for country in ("Canada", "Mexico", "Canada", "Peru")]
    await create(await new_account(owner.services), "Client", country="Canada")
    criteria = {"contacts": {"all": [{"country": {"equals": ["canada", "Mexico"]}}, {"tags": {"containsAny": [{"name": "CLIENT"}]}}]}}
    found = (await ask(owner, PREVIEW, criteria=criteria, sample=2))["preview"]
    assert found == {
        "count": 3,
        "criteriaText": "Country is canada or Mexico, and tags contain Client",
        "diagnostics": [],
        "sample": [{"__typename": "Contact", "id": id} for id in ids[:2]],
    }
    assert await owner.scope.all_groups.count() == 0


async def test_a_preview_tells_what_is_questionable(owner: Context) -> None:
    await create(owner, country="Canada")
    criteria = {"contacts": {"all": [{"country": {"equals": ["Canada"]}}, {"country": {"equals": ["Peru"]}}]}}
    found = (await ask(owner, PREVIEW, criteria=criteria))["preview"]
    assert found["count"] == 0
    assert [(diagnostic["code"], diagnostic["path"]) for diagnostic in found["diagnostics"]] == [("ALWAYS_FALSE", ["contacts", "all"])]


async def test_a_preview_of_appointments_shows_appointments(owner: Context) -> None:
    contact = await create(owner)
    mutation = """mutation ($contact: ID!, $at: DateTime!) {
        createAppointment(input: {contactId: $contact, title: "Call", startsAt: $at}) { appointment { id } }
    }"""
    times = ("2026-03-02T11:59:59Z", "2026-03-02T12:00:00Z")  # it is noon
    ids = [(await ask(owner, mutation, contact=contact, at=at))["createAppointment"]["appointment"]["id"] for at in times]
    found = (await ask(owner, PREVIEW, criteria={"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}}))["preview"]
    assert (found["count"], found["sample"]) == (1, [{"__typename": "Appointment", "id": ids[1]}])


@pytest.mark.parametrize(("size", "shown"), [(0, 0), (2, 2), (100, 3)])
async def test_a_sample_is_as_large_as_asked_for(owner: Context, size: int, shown: int) -> None:
    for _ in range(3):
        await create(owner, country="Canada")
    assert len((await ask(owner, PREVIEW, criteria=CANADIANS, sample=size))["preview"]["sample"]) == shown


@pytest.mark.parametrize("size", [-1, 101])
async def test_a_sample_of_another_size_is_bad_input(owner: Context, size: int) -> None:
    (error,) = (await answer(owner, PREVIEW, {"criteria": CANADIANS, "sample": size}))["errors"]
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "`sample`" in error["message"]


BAD = {"all": [{"country": {"equals": []}}, {"any": [{"city": {"notEquals": ["Rome"]}}]}, {"tags": {"containsAny": [{"name": "None"}]}}]}
PROBLEMS = [
    ("INVALID", ["all", "0", "country", "equals"]),
    ("NEGATIVE_UNDER_ANY", ["all", "1", "any", "0", "city"]),
    ("NOT_FOUND", ["all", "2", "tags", "containsAny", "0", "name"]),
]


@pytest.mark.parametrize(
    ("query", "criteria", "before"),
    [
        ("query ($it: CriteriaInput!) { preview(criteria: $it) { count } }", {"contacts": BAD}, ["criteria", "contacts"]),
        ("query ($it: ContactCriteria) { contacts(where: $it) { totalCount } }", BAD, ["where"]),
        (
            'query ($it: CriteriaInput) { explain(recordId: "Q29udGFjdDox", criteria: $it) { matches } }',
            {"contacts": BAD},
            ["criteria", "contacts"],
        ),
    ],
)
async def test_a_query_tells_every_problem_of_its_criteria_to_people_and_to_programs(
    owner: Context, query: str, criteria: dict[str, Any], before: list[str]
) -> None:
    (error,) = (await answer(owner, query, {"it": criteria}))["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"
    problems = error["extensions"]["problems"]
    assert [(problem["code"], problem["path"]) for problem in problems] == [(code, [*before, *path]) for code, path in PROBLEMS]
    assert all(f"`{'.'.join(problem['path'])}`: {problem['message']}" in error["message"] for problem in problems)


MISSHAPEN = [
    ({"all": [{"city": {}}, {"country": {"equals": ["a"], "contains": ["b"]}}]}, [".all[0].city", ".all[1].country"]),
    ({"all": [{"tags": {"containsAny": [{"id": "a", "name": "b"}]}}]}, [".all[0].tags.containsAny[0]"]),
    ({"country": {"equals": None}}, [".country.equals"]),
    ({"country": {"equals": ["a"], "contains": None}}, [".country"]),
]


@pytest.mark.parametrize(("criteria", "places"), MISSHAPEN)
async def test_an_object_without_exactly_one_key_is_refused_at_its_place(
    owner: Context, criteria: dict[str, Any], places: list[str]
) -> None:
    query = "query ($it: CriteriaInput!) { preview(criteria: $it) { count } }"
    errors = (await answer(owner, query, {"it": {"contacts": criteria}}))["errors"]
    assert [error["message"].partition(": ")[0] for error in errors] == [
        f"Variable '$it' has invalid value at .contacts{place}" for place in places
    ]
    assert all("exactly one field" in error["message"] for error in errors)
    assert {error["extensions"]["code"] for error in errors} == {"BAD_USER_INPUT"}
    (error, *others) = (await answer(owner, f"{{ preview(criteria: {{contacts: {literal(criteria)}}}) {{ count }} }}"))["errors"]
    assert len(others) == len(places) - 1
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert error["locations"]


def literal(value: Any) -> str:
    """A value as it is written in a document."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {literal(held)}" for key, held in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(literal, value)) + "]"
        case _:
            return json.dumps(value)


async def test_a_hidden_group_does_not_exist_for_new_criteria(owner: Context) -> None:
    private = {"view": {"only_owner": True}}
    hidden = await create_group(owner, name="Secret", criteria=CANADIANS, permission=private)
    editor = await new_user(owner.services, owner.caller.account_id, Role.EDITOR)
    for group in (hidden.id, 2**40):
        criteria = {"contacts": {"group": {"memberOfAny": [to_global_id("Group", group)]}}}
        with pytest.raises(BadInput, match=r"`criteria\.contacts\.group\.memberOfAny\.0`: There is no group with the id"):
            await preview(editor, criteria=criteria, sample=0)
        with pytest.raises(Refused, match="There is no group with the id"):
            await create_group(editor, name="Mine", criteria=criteria)
    assert await criteria_text(await preview(owner, criteria=in_group(hidden.id), sample=0)) == "Is in group Secret"


def in_group(number: int) -> dict[str, Any]:
    return {"contacts": {"group": {"memberOfAny": [to_global_id("Group", number)]}}}


async def test_only_what_is_asked_for_is_read(owner: Context, caplog: pytest.LogCaptureFixture) -> None:
    found = await preview(owner, criteria=CANADIANS, sample=10)
    with caplog.at_level("DEBUG", logger="tortoise.db_client"):
        assert (await criteria_text(found), await diagnostics(found)) == ("Country is Canada", [])
        assert caplog.records == []
        await count(owner, found)
        await sample(owner, found)
        assert len(caplog.records) == 2
