"""Custom fields: their rules, the values of each type, and what becomes of groups that use a deleted one."""

from datetime import timedelta
from typing import Any

import pytest

from models import Contact, CustomField, FieldType, Role
from models.errors import Forbidden, Refused
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, custom_fields_of, update_contact
from resolvers.records.fields import create_custom_field, custom_fields, delete_custom_field, update_custom_field
from tests.support.callers import new_account, new_user
from tests.support.clock import NOON, DrivenClock

CHOICES = ["Gold", "Straße"]


def _problems(refused: Refused) -> list[tuple[str, str]]:
    return [(problem.code.value, ".".join(problem.path)) for problem in refused.problems]


def _id(contact: Contact) -> str:
    return to_global_id("Contact", contact.id)


async def _field(context: Context, type: FieldType, key: str = "it") -> CustomField:
    choices = CHOICES if type in (FieldType.DROPDOWN, FieldType.LIST) else None
    return await create_custom_field(context, key=key, label="It", type=type, choices=choices)


READ_BACK: list[tuple[FieldType, Any, Any]] = [
    (FieldType.TEXT, " As is ", " As is "),
    (FieldType.LONG_TEXT, "x" * 10_000, "x" * 10_000),
    (FieldType.EMAIL, "Ann@example.com", "Ann@example.com"),
    (FieldType.PHONE, "030/12", "030/12"),
    (FieldType.URL, "https://example.com/a?b", "https://example.com/a?b"),
    (FieldType.NUMBER, 12.5, "12.5"),
    (FieldType.NUMBER, "-0.0001", "-0.0001"),
    (FieldType.NUMBER, 0, "0"),
    (FieldType.NUMBER, "1e3", "1000"),
    (FieldType.PRICE, "99999999999999.9999", "99999999999999.9999"),
    (FieldType.DATE, "2024-02-29", "2024-02-29"),
    (FieldType.DATE_TIME, "2024-02-29T01:00:00.000001+01:00", "2024-02-29T00:00:00.000001Z"),
    (FieldType.CHECKBOX, False, False),
    (FieldType.CHECKBOX, True, True),
    (FieldType.DROPDOWN, "STRASSE", "Straße"),
    (FieldType.LIST, ["strasse", "gold"], ["Straße", "Gold"]),
    (FieldType.COUNTRY, "Canada", "Canada"),
    (FieldType.STATE, "ON", "ON"),
    (FieldType.TIMEZONE, "Europe/Berlin", "Europe/Berlin"),
]


async def test_a_value_is_read_back_in_the_form_of_its_type(context: Context) -> None:
    for number, (type, given, read) in enumerate(READ_BACK):
        key = f"it{number}"
        await _field(context, type, key)
        created = await create_contact(context, fields={"custom_fields": {key: given}})
        assert await custom_fields_of(context, created) == {key: read}
        again = await update_contact(context, contact_id=_id(created), fields={"custom_fields": {key: read}})
        assert await custom_fields_of(context, again) == {key: read}
        cleared = await update_contact(context, contact_id=_id(created), fields={"custom_fields": {key: None}})
        assert await custom_fields_of(context, cleared) == {}
    assert await context.scope.custom_values.count() == 0


OF_ANOTHER_FORM: list[tuple[FieldType, Any, tuple[str, str]]] = [
    (FieldType.TEXT, 5, ("INVALID", "it")),
    (FieldType.TEXT, "x" * 256, ("TOO_LONG", "it")),
    (FieldType.LONG_TEXT, "x" * 10_001, ("TOO_LONG", "it")),
    (FieldType.EMAIL, "nobody", ("INVALID", "it")),
    (FieldType.URL, "ftp://example.com", ("INVALID", "it")),
    (FieldType.URL, "https://", ("INVALID", "it")),
    (FieldType.URL, "https://[", ("INVALID", "it")),
    (FieldType.NUMBER, True, ("INVALID", "it")),
    (FieldType.NUMBER, "0.00001", ("INVALID", "it")),
    (FieldType.NUMBER, float("nan"), ("INVALID", "it")),
    (FieldType.NUMBER, 10**400, ("INVALID", "it")),
    (FieldType.NUMBER, {}, ("INVALID", "it")),
    (FieldType.DATE, "29.02.2024", ("INVALID", "it")),
    (FieldType.DATE, 20240229, ("INVALID", "it")),
    (FieldType.DATE_TIME, "2024-02-29T01:00:00", ("INVALID", "it")),
    (FieldType.CHECKBOX, "maybe", ("INVALID", "it")),
    (FieldType.CHECKBOX, 1, ("INVALID", "it")),
    (FieldType.DROPDOWN, "Silver", ("INVALID", "it")),
    (FieldType.DROPDOWN, ["Gold"], ("INVALID", "it")),
    (FieldType.LIST, "Gold", ("INVALID", "it")),
    (FieldType.LIST, ["Gold", "x"], ("INVALID", "it.1")),
    (FieldType.LIST, ["Gold", "gold"], ("INVALID", "it.1")),
    (FieldType.TIMEZONE, "Berlin", ("INVALID", "it")),
]


async def test_a_value_of_another_form_is_refused_at_its_place(context: Context) -> None:
    for type in sorted({type for type, _, _ in OF_ANOTHER_FORM}):
        await _field(context, type, type.lower())
    for type, given, (code, place) in OF_ANOTHER_FORM:
        with pytest.raises(Refused) as refused:
            await create_contact(context, fields={"custom_fields": {type.lower(): given}})
        assert _problems(refused.value) == [(code, f"input.fields.customFields.{place.replace('it', type.lower())}")], given


async def test_an_unknown_key_is_not_found(context: Context) -> None:
    await _field(await new_account(context.services), FieldType.TEXT)
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={"custom_fields": {"it": "x"}})
    assert _problems(refused.value) == [("NOT_FOUND", "input.fields.customFields.it")]
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={"custom_fields": ["it"]})
    assert _problems(refused.value) == [("INVALID", "input.fields.customFields")]


async def test_an_update_leaves_absent_keys_and_touches_nothing_when_nothing_changes(context: Context, clock: DrivenClock) -> None:
    for key, type in (("plan", FieldType.DROPDOWN), ("many", FieldType.LIST), ("paid", FieldType.CHECKBOX)):
        await _field(context, type, key)
    values = {"plan": "Gold", "many": ["Gold", "Straße"], "paid": True}
    created = await create_contact(context, fields={"custom_fields": values})
    clock.pass_(minutes=1)
    same = await update_contact(context, contact_id=_id(created), fields={"custom_fields": values})
    assert same.updated_at == NOON
    changed = await update_contact(context, contact_id=_id(created), fields={"custom_fields": {"many": ["Straße"], "paid": None}})
    assert changed.updated_at == NOON + timedelta(minutes=1)
    assert await custom_fields_of(context, changed) == {"plan": "Gold", "many": ["Straße"]}
    emptied = await update_contact(context, contact_id=_id(created), fields={"custom_fields": None})
    assert await custom_fields_of(context, emptied) == {}


AGAINST_THE_RULES: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"key": "Plan"}, ("INVALID", "input.key")),
    ({"key": "plan-name"}, ("INVALID", "input.key")),
    ({"key": "p" * 65}, ("INVALID", "input.key")),
    ({"key": "plan\n"}, ("INVALID", "input.key")),
    ({"key": "taken"}, ("TAKEN", "input.key")),
    ({"label": " "}, ("BLANK", "input.label")),
    ({"label": "x" * 101}, ("TOO_LONG", "input.label")),
    ({"type": FieldType.TAGS}, ("INVALID", "input.type")),
    ({"choices": ["a"]}, ("INVALID", "input.choices")),
    ({"type": FieldType.DROPDOWN}, ("INVALID", "input.choices")),
    ({"type": FieldType.LIST, "choices": []}, ("INVALID", "input.choices")),
    ({"type": FieldType.LIST, "choices": [str(number) for number in range(501)]}, ("INVALID", "input.choices")),
    ({"type": FieldType.LIST, "choices": ["a", " "]}, ("BLANK", "input.choices.1")),
    ({"type": FieldType.LIST, "choices": ["a", "x" * 101]}, ("TOO_LONG", "input.choices.1")),
    ({"type": FieldType.LIST, "choices": ["straße", "STRASSE"]}, ("INVALID", "input.choices.1")),
]


async def test_a_field_against_the_rules_is_refused(context: Context) -> None:
    await _field(context, FieldType.TEXT, "taken")
    for values, problem in AGAINST_THE_RULES:
        with pytest.raises(Refused) as refused:
            await create_custom_field(context, **{"key": "plan", "label": "Plan", "type": FieldType.TEXT} | values)
        assert _problems(refused.value) == [problem], values


async def test_a_removed_choice_stays_on_the_contacts_that_have_it(context: Context) -> None:
    await _field(context, FieldType.DROPDOWN, "plan")
    created = await create_contact(context, fields={"custom_fields": {"plan": "Gold"}})
    updated = await update_custom_field(context, key="plan", changes={"label": "Plan", "choices": ["Silver"]})
    assert (updated.label, updated.choices, updated.type) == ("Plan", ["Silver"], FieldType.DROPDOWN)
    assert await custom_fields_of(context, created) == {"plan": "Gold"}
    for changes in ({"choices": None}, {"label": None}):
        with pytest.raises(Refused):
            await update_custom_field(context, key="plan", changes=changes)
    with pytest.raises(Refused) as refused:
        await update_custom_field(context, key="other", changes={})
    assert _problems(refused.value) == [("NOT_FOUND", "input.key")]


async def test_a_field_in_use_is_not_deleted_unawares_and_may_come_again(context: Context) -> None:
    field = await _field(context, FieldType.TEXT, "plan")
    created = await create_contact(context, fields={"custom_fields": {"plan": "Gold"}})
    criteria = {"contacts": {"custom": {"key": "plan", "text": {"equals": ["gold"]}}}}
    group = await create_group(context, name="Gold", criteria=criteria)

    async def members() -> list[int]:
        return [member.record_id for member in await context.scope.group_members.filter(set_id=group.members_id)]

    assert await members() == [created.id]
    with pytest.raises(Refused) as refused:
        await delete_custom_field(context, key="plan")
    assert _problems(refused.value) == [("IN_USE", "key")]
    assert await delete_custom_field(context, key="plan", force=True) == "plan"
    assert (await members(), await context.scope.custom_values.count()) == ([], 0)
    again = await _field(context, FieldType.TEXT, "plan")
    assert again.id != field.id
    await update_contact(context, contact_id=_id(created), fields={"custom_fields": {"plan": "GOLD"}})
    assert await members() == [created.id]


async def test_fields_are_listed_by_label_and_managed_by_admins(context: Context) -> None:
    for key, label in (("a", "b"), ("b", "Ä"), ("c", "a")):
        await create_custom_field(context, key=key, label=label, type=FieldType.TEXT)
    editor = await new_user(context.services, context.caller.account_id, Role.EDITOR)
    assert [field.label for field in await custom_fields(editor)] == ["a", "b", "Ä"]
    for attempt in (
        create_custom_field(editor, key="d", label="d", type=FieldType.TEXT),
        update_custom_field(editor, key="a", changes={}),
        delete_custom_field(editor, key="a"),
    ):
        with pytest.raises(Forbidden):
            await attempt
