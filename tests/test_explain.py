"""Explanations: they say what membership says, every node follows from those below it, and values are shown as clients know them."""

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import FieldType, GroupMember, Role
from models.engine.database import Database
from models.errors import BadInput, NotFound
from models.ids import to_global_id
from resolvers.authoring.explaining import explain
from resolvers.criteria.evaluation.explain import ExplanationNode
from resolvers.criteria.language.record_types import CONTACT
from resolvers.grouping.groups import create_group, criteria_text, delete_group
from resolvers.operation.context import Context
from resolvers.records.appointments import APPOINTMENT, create_appointment
from resolvers.records.contacts import create_contact
from resolvers.records.fields import create_custom_field
from resolvers.tagging.tags import create_tag, delete_tag
from tests.support import criteria_world as world
from tests.support.callers import new_account, new_user
from tests.support.clock import NOON, DrivenClock
from tests.support.composition import RECORD_TYPES
from tests.support.criteria_account import account, group_id, new_group, set_moment
from tests.support.graphql import ask
from tests.support.services import running_services

# ---------------------------------------------------------------- laws


@pytest.fixture
async def people(database: Database) -> AsyncIterator[Context]:
    async with account(database) as context:
        yield context


def nodes(node: ExplanationNode) -> Iterator[ExplanationNode]:
    yield node
    for child in node.children:
        yield from nodes(child)


def follows(node: ExplanationNode) -> bool:
    """Whether the truth of a node is what the nodes below it make it."""
    below = [child.matches for child in node.children]
    match node.path[-1]:
        case "all":
            return node.matches is all(below)
        case "any":
            return node.matches is any(below)
        case "not" | "contact":
            return below == [node.matches is not (node.path[-1] == "not")]
        case "appointments" if below and isinstance(node.actual, int):
            return below == [node.actual > 0]
        case _:
            return True


thorough = settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@thorough
@given(seed=st.integers(0, 2**32), cases=st.lists(world.documents, min_size=4, max_size=6), at=world.moments_of_evaluation)
async def test_an_explanation_says_what_membership_says_and_every_node_follows_from_those_below(
    people: Context, seed: int, cases: list[dict[str, Any]], at: tuple[datetime, ZoneInfo]
) -> None:
    records = world.contacts(seed, 10)
    await world.store(people.services.database, records)
    await set_moment(people, *at)
    numbers = {
        CONTACT: [record["id"] for record in records],
        APPOINTMENT: [appointment["id"] for record in records for appointment in record["appointments"]],
    }
    for document in cases:
        group = await new_group(people, document)
        if group is None:
            with pytest.raises(BadInput):
                await explain(people, record_id=to_global_id("Contact", 1), criteria=document, group_id=None)
            continue
        members = set(await GroupMember.filter(set_id=group.members_id).values_list("record_id", flat=True))
        record_type = RECORD_TYPES.named(group.record_type)
        for number in numbers[record_type]:
            record_id = to_global_id(record_type.type_name, number)
            saved = await explain(people, record_id=record_id, criteria=None, group_id=group_id(group))
            tried = await explain(people, record_id=record_id, criteria=document, group_id=None)
            assert saved.matches == tried.matches == (number in members), document
            assert saved.root == tried.root
            assert saved.root.matches == saved.matches
            assert [node for node in nodes(saved.root) if not follows(node)] == []
        await delete_group(people, group_id=group_id(group), force=True)


# ---------------------------------------------------------------- values


GIVEN: dict[str, Any] = {
    "email": "Ann@Example.com",
    "firstName": "ANN",
    "company": " Straße & Co ",
    "score": 7,
    "spent": "12.50",
    "birthday": "2000-02-29",
    "lastActivityAt": "2026-03-29T02:30:00.25+02:00",
    "city": None,
}
CREATE = """
mutation ($fields: ContactFields!, $tags: [TagRef!]) {
  createContact(input: {fields: $fields, tags: $tags, createMissingTags: true}) { contact { id } userErrors { message } }
}
"""
EXPLAIN = """
query ($record: ID!, $criteria: CriteriaInput, $group: ID) {
  explain(recordId: $record, criteria: $criteria, groupId: $group) {
    matches root { text matches actual path children { text matches actual path children { text matches actual } } }
  }
}
"""


async def actual(context: Context, record: str, **condition: Any) -> Any:
    """What is compared where this condition is judged."""
    found = await ask(context, EXPLAIN, record=record, criteria={"contacts": condition})
    return found["explain"]["root"]["actual"]


async def test_a_value_is_shown_as_the_contact_has_it(owner: Context) -> None:
    fields = GIVEN | {"ownerId": to_global_id("User", owner.caller.user_id)}
    record = (await ask(owner, CREATE, fields=fields, tags=[{"name": "VIP"}, {"name": "Client"}]))["createContact"]["contact"]["id"]
    read = f"query ($id: ID!) {{ contact(by: {{id: $id}}) {{ {' '.join(GIVEN)} owner {{ name }} }} }}"
    contact = (await ask(owner, read, id=record))["contact"]
    for name in GIVEN:
        assert await actual(owner, record, **{name: {"isEmpty": False}}) == contact[name]
    assert await actual(owner, record, owner={"isEmpty": True}) == contact["owner"]["name"]
    assert await actual(owner, record, tags={"containsAny": [{"name": "vip"}]}) == ["Client", "VIP"]
    assert await actual(owner, record, tags={"isEmpty": True}) == ["Client", "VIP"]
    when = {"withinLast": {"days": 1}}
    assert await actual(owner, record, taggedAt={"tag": {"name": "Client"}, "when": when}) == "2026-03-02T12:00:00Z"
    assert await actual(owner, record, appointments={"atLeast": {"count": 1}}) == 0


CUSTOM: list[tuple[FieldType, str, Any, Any]] = [
    (FieldType.TEXT, "text", " Straße", " Straße"),
    (FieldType.LONG_TEXT, "text", "Long STORY", "Long STORY"),
    (FieldType.NUMBER, "number", "0.50", "0.5"),
    (FieldType.DATE, "date", "2026-03-02", "2026-03-02"),
    (FieldType.DATE_TIME, "dateTime", "2026-03-02T13:00:00+01:00", "2026-03-02T12:00:00Z"),
    (FieldType.CHECKBOX, "boolean", False, False),
    (FieldType.DROPDOWN, "choice", "GOLD", "Gold"),
    (FieldType.LIST, "choice", ["silver", "gold"], ["Silver", "Gold"]),
]


@pytest.mark.parametrize("case", CUSTOM, ids=[case[0] for case in CUSTOM])
async def test_a_custom_value_is_shown_as_it_was_given(owner: Context, case: tuple[FieldType, str, Any, Any]) -> None:
    type, family, given, shown = case
    choices = ["Gold", "Silver"] if family == "choice" else None
    await create_custom_field(owner, key="it", label="It", type=type, choices=choices)
    for fields, expected in (({"it": given}, shown), ({}, None)):
        record = (await ask(owner, CREATE, fields={"customFields": fields}))["createContact"]["contact"]["id"]
        assert await actual(owner, record, custom={"key": "it", family: {"isEmpty": True}}) == expected


async def test_a_condition_on_appointments_is_explained_by_one_of_them(owner: Context) -> None:
    contact = to_global_id("Contact", (await create_contact(owner, fields={})).id)
    for title in ("Lunch", "Demo DAY", "Demo two"):
        await create_appointment(owner, contact_id=contact, values={"title": title, "starts_at": NOON})
    criteria = {"contacts": {"appointments": {"none": {"title": {"startsWith": ["demo"]}}}}}
    root = (await ask(owner, EXPLAIN, record=contact, criteria=criteria))["explain"]["root"]
    assert (root["matches"], root["actual"]) == (False, 2)
    assert [(child["text"], child["matches"], child["actual"]) for child in root["children"]] == [
        ("Title starts with demo", True, "Demo DAY")
    ]


async def test_an_appointment_is_explained_with_its_contact(owner: Context) -> None:
    ann = to_global_id("Contact", (await create_contact(owner, fields={"country": "CANADA"})).id)
    await create_appointment(owner, contact_id=ann, values={"title": "Other", "starts_at": NOON})
    call = await create_appointment(owner, contact_id=ann, values={"title": "Call", "starts_at": NOON})
    criteria = {"appointments": {"all": [{"title": {"equals": ["call"]}}, {"contact": {"country": {"equals": ["Canada"]}}}]}}
    explained = (await ask(owner, EXPLAIN, record=to_global_id("Appointment", call.id), criteria=criteria))["explain"]
    assert explained["matches"] is True
    title, contact = explained["root"]["children"]
    assert (title["actual"], title["path"]) == ("Call", ["appointments", "all", "0", "title"])
    assert contact["children"] == [{"text": "Country is Canada", "matches": True, "actual": "CANADA"}]


async def test_what_has_gone_since_the_group_was_saved_is_explained_as_gone(owner: Context) -> None:
    record = to_global_id("Contact", (await create_contact(owner, fields={})).id)
    tag = to_global_id("Tag", (await create_tag(owner, name="Client")).id)
    group = await create_group(owner, name="Clients", criteria={"contacts": {"tags": {"containsAny": [{"id": tag}]}}})
    await delete_tag(owner, tag_id=tag, force=True)
    found = await explain(owner, record_id=record, criteria=None, group_id=group_id(group))
    assert (found.matches, found.root.text, found.root.actual) == (False, "Tags contain a deleted tag", [])


# ---------------------------------------------------------------- refusals


EMPTY: dict[str, Any] = {"contacts": {"email": {"isEmpty": True}}}


async def test_criteria_or_a_group_must_be_given_and_not_both(owner: Context) -> None:
    record = to_global_id("Contact", (await create_contact(owner, fields={})).id)
    group = group_id(await create_group(owner, name="All", criteria=EMPTY))
    for criteria, chosen in ((None, None), (EMPTY, group)):
        with pytest.raises(BadInput, match="exactly one of `criteria` and `groupId`"):
            await explain(owner, record_id=record, criteria=criteria, group_id=chosen)


async def test_a_record_of_another_kind_is_bad_input(owner: Context) -> None:
    for kind, criteria in (("Appointment", EMPTY), ("Tag", EMPTY), ("Contact", {"appointments": {"title": {"equals": ["x"]}}})):
        with pytest.raises(BadInput, match="`recordId`"):
            await explain(owner, record_id=to_global_id(kind, 1), criteria=criteria, group_id=None)
    with pytest.raises(BadInput, match="not an id"):
        await explain(owner, record_id="nonsense", criteria=EMPTY, group_id=None)


async def test_records_and_groups_that_are_not_the_callers_are_not_found(owner: Context) -> None:
    stranger = await new_account(owner.services)
    contact = to_global_id("Contact", (await create_contact(stranger, fields={})).id)
    appointment = await create_appointment(stranger, contact_id=contact, values={"title": "Call", "starts_at": NOON})
    group = group_id(await create_group(stranger, name="Theirs", criteria=EMPTY))
    own = to_global_id("Contact", (await create_contact(owner, fields={})).id)
    titled = {"appointments": {"title": {"equals": ["Call"]}}}
    attempts: list[tuple[str, Any, str | None]] = [
        (contact, EMPTY, None),
        (to_global_id("Contact", 2**62), EMPTY, None),
        (to_global_id("Appointment", appointment.id), titled, None),
        (own, None, group),
        (own, None, to_global_id("Group", 2**62)),
        (own, None, own),
    ]
    for record, criteria, chosen in attempts:
        with pytest.raises(NotFound):
            await explain(owner, record_id=record, criteria=criteria, group_id=chosen)


# ---------------------------------------------------------------- groups that the caller cannot view


async def test_a_hidden_group_is_judged_and_not_named(owner: Context) -> None:
    record = to_global_id("Contact", (await create_contact(owner, fields={"country": "Canada"})).id)
    canadians: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}
    private = {"view": {"only_owner": True}}
    named, other = [await create_group(owner, name=name, criteria=canadians, permission=private) for name in ("Secret", "Hidden")]
    await create_group(owner, name="Public", criteria=canadians)
    nested = await create_group(owner, name="Nested", criteria={"contacts": {"group": {"memberOfAny": [group_id(named)]}}})
    for viewer, text, groups in (
        (owner, "Is in group Secret", ["Hidden", "Nested", "Public", "Secret"]),
        (
            await new_user(owner.services, owner.caller.account_id, Role.VIEWER),
            "Is in a group you cannot view",
            ["a group you cannot view", "Nested", "Public"],
        ),
    ):
        found = await explain(viewer, record_id=record, criteria=None, group_id=group_id(nested))
        assert (found.matches, found.root.text, found.root.actual) == (True, text, groups)
    with pytest.raises(NotFound):
        await explain(viewer, record_id=record, criteria=None, group_id=group_id(other))


async def test_an_explanation_costs_the_same_queries_whatever_the_criteria(owner: Context, caplog: pytest.LogCaptureFixture) -> None:
    contact = await create_contact(owner, fields={"country": "Canada"})
    leaves: list[dict[str, Any]] = [
        {"country": {"equals": ["Canada"]}},
        {"tags": {"isEmpty": True}},
        {"appointments": {"atLeast": {"count": 1}}},
    ]
    counts = []
    for times in (1, 20):
        owner.forget()
        with caplog.at_level("DEBUG", logger="tortoise.db_client"):
            caplog.clear()
            criteria = {"contacts": {"all": leaves * times}}
            await explain(owner, record_id=to_global_id("Contact", contact.id), criteria=criteria, group_id=None)
            counts.append(len(caplog.records))
    assert counts[0] == counts[1] <= 12


async def test_a_group_that_the_caller_may_not_view_is_not_named_by_those_that_depend_on_it(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        owner = await new_account(services)
        other = await new_user(services, owner.caller.account_id, Role.VIEWER)
        hidden = await create_group(
            owner,
            name="Secret",
            criteria={"contacts": {"email": {"isEmpty": True}}},
            permission={"view": {"only_owner": True}},
        )
        nested = await create_group(
            owner, name="Open", criteria={"contacts": {"group": {"memberOfAny": [to_global_id("Group", hidden.id)]}}}
        )
        assert "Secret" in await criteria_text(owner, nested)
        assert "Secret" not in await criteria_text(other, nested)
