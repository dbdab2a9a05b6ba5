"""What a group tells of its criteria: as a sentence and in diagnostics, with the names of today, and read for many groups at once."""

from typing import Any

import pytest

from models import FieldType, Role
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, delete_group
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact
from resolvers.records.fields import create_custom_field
from resolvers.tagging.tags import create_tag, delete_tag
from tests.support.callers import new_user
from tests.support.criteria_account import group_id
from tests.support.graphql import answer, ask

TOLD = "query ($id: ID!) { group(id: $id) { criteriaText memberCount diagnostics { code path message } } }"
PAGE = "query ($first: Int!) { groups(first: $first) { nodes { name criteriaText diagnostics { code } } } }"


async def told(context: Context, group: str) -> dict[str, Any]:
    found: dict[str, Any] = (await ask(context, TOLD, id=group))["group"]
    return found


def plan(operator: str, *choices: str) -> dict[str, Any]:
    return {"contacts": {"custom": {"key": "plan", "choice": {operator: [*choices]}}}}


async def test_a_choice_that_was_removed_is_diagnosed_and_still_looked_for(owner: Context) -> None:
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.DROPDOWN, choices=["Free", "Pro", "Team"])
    for choice in ("Pro", "Team"):
        await create_contact(owner, fields={"custom_fields": {"plan": choice}})
    finds = group_id(await create_group(owner, name="Finds", criteria=plan("containsAny", "Free", "pro")))
    leaves_out = group_id(await create_group(owner, name="Leaves out", criteria=plan("containsNone", "Pro")))
    assert [(await told(owner, group))["diagnostics"] for group in (finds, leaves_out)] == [[], []]

    edit = 'mutation ($choices: [String!]!) { updateCustomField(input: {key: "plan", choices: $choices}) { userErrors { code } } }'
    assert (await ask(owner, edit, choices=["Free", "Team"]))["updateCustomField"] == {"userErrors": []}
    for group, named in ((finds, "pro"), (leaves_out, "Pro")):
        found = await told(owner, group)
        assert found["memberCount"] == 1
        assert found["diagnostics"] == [
            {
                "code": "UNKNOWN_CHOICE",
                "path": ["contacts", "custom"],
                "message": f"`plan` no longer offers `{named}`. The condition goes on looking for contacts that still hold an old choice:"
                " name another one, or remove the condition.",
            }
        ]

    preview = "query ($it: CriteriaInput!) { preview(criteria: $it) { count } }"
    (error,) = (await answer(owner, preview, {"it": plan("containsAny", "Free", "Pro")}))["errors"]
    (problem,) = error["extensions"]["problems"]
    assert (problem["code"], problem["path"][-2:]) == ("NOT_FOUND", ["containsAny", "1"])

    await ask(owner, edit, choices=["PRO", "Free"])
    assert [(await told(owner, group))["diagnostics"] for group in (finds, leaves_out)] == [[], []]


async def test_what_was_deleted_by_force_is_diagnosed_also_where_it_is_ruled_out(owner: Context) -> None:
    await create_contact(owner, fields={"country": "Canada"})
    tag = to_global_id("Tag", (await create_tag(owner, name="Gone")).id)
    other = group_id(await create_group(owner, name="Gone", criteria={"contacts": {"tags": {"isEmpty": True}}}))
    rule_out: list[tuple[dict[str, Any], str, str]] = [
        ({"tags": {"containsNone": [{"id": tag}]}}, "Tags do not contain a deleted tag", "a tag that no longer exists, so nobody has it"),
        ({"group": {"memberOfNone": [other]}}, "Is not in a deleted group", "a group that no longer exists, so nobody is in it"),
    ]
    groups = [group_id(await create_group(owner, name="Rest", criteria={"contacts": leaf})) for leaf, _, _ in rule_out]
    await delete_tag(owner, tag_id=tag, force=True)
    await delete_group(owner, group_id=other, force=True)
    for group, (_, sentence, diagnostic) in zip(groups, rule_out, strict=True):
        found = await told(owner, group)
        assert (found["memberCount"], found["criteriaText"]) == (1, sentence)
        assert [each["message"] for each in found["diagnostics"]] == [
            f"This names {diagnostic}. Name another one, or remove the condition."
        ]


async def test_sentences_and_diagnostics_cost_the_same_statements_however_many_groups_there_are(
    owner: Context, caplog: pytest.LogCaptureFixture
) -> None:
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.DROPDOWN, choices=["Free", "Pro"])
    first = group_id(await create_group(owner, name="0000", criteria=plan("containsAny", "Pro")))
    for number in range(1, 50):
        await create_tag(owner, name=f"Tag {number}")
        leaves = [plan("containsNone", "Free")["contacts"], {"tags": {"containsAny": [{"name": f"tag {number}"}]}}]
        criteria = {"contacts": {"all": [*leaves, {"group": {"memberOfAny": [first]}}]}}
        await create_group(owner, name=f"{number:04}", criteria=criteria)

    async def costs(first: int) -> int:
        with caplog.at_level("DEBUG", logger="tortoise.db_client"):
            caplog.clear()
            nodes = (await ask(owner, PAGE, first=first))["groups"]["nodes"]
        assert [node["name"] for node in nodes] == [f"{number:04}" for number in range(first)]
        expected = "Plan does not contain Free, tags contain Tag {}, and is in group 0000"
        assert [node["criteriaText"] for node in nodes[1:]] == [expected.format(number) for number in range(1, first)]
        assert all(node["diagnostics"] == [] for node in nodes)
        return len(caplog.records)

    assert await costs(50) == await costs(2) <= 10


async def test_a_page_of_groups_names_no_group_that_is_hidden(owner: Context) -> None:
    everybody: dict[str, Any] = {"contacts": {"email": {"isEmpty": True}}}
    secret = await create_group(owner, name="Secret", criteria=everybody, permission={"view": {"only_owner": True}})
    for name in ("One", "Two"):
        await create_group(owner, name=name, criteria={"contacts": {"group": {"memberOfAny": [group_id(secret)]}}})
    viewer = await new_user(owner.services, owner.caller.account_id, Role.VIEWER)
    for context, sentence in ((owner, "Is in group Secret"), (viewer, "Is in a group you cannot view")):
        nodes = (await ask(context, PAGE, first=50))["groups"]["nodes"]
        assert {node["name"]: node["criteriaText"] for node in nodes if node["name"] != "Secret"} == {"One": sentence, "Two": sentence}
        assert all(node["diagnostics"] == [] for node in nodes)
