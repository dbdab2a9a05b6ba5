"""The fields that a builder of criteria is told of: all that criteria take, each with the operators that it takes."""

import pytest
from graphql import GraphQLInputObjectType, get_named_type

from models import FieldType
from resolvers.authoring.segment_fields import segment_fields
from resolvers.criteria.language.fields import CUSTOM_KINDS
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.operation.context import Context
from resolvers.records.appointments import APPOINTMENT
from resolvers.records.fields import NOT_CUSTOM, WITH_CHOICES, create_custom_field
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_account
from tests.support.composition import RECORD_TYPES
from tests.support.graphql import ask, schema


def inputs(name: str) -> dict[str, GraphQLInputObjectType]:
    """The fields of an input type, with the types that they take."""
    type_ = graphql_schema(schema()).type_map[name]
    assert isinstance(type_, GraphQLInputObjectType)
    return {key: get_named_type(found.type) for key, found in type_.fields.items()}


@pytest.mark.parametrize("record_type", RECORD_TYPES.all)
async def test_the_fields_are_those_of_the_criteria_in_their_order(owner: Context, record_type: RecordType) -> None:
    found = await segment_fields(owner, record_type.name)
    accepted = [key for key in inputs(f"{record_type.type_name}Criteria") if key not in ("all", "any", "not", "custom")]
    assert [each.key for each in found] == accepted
    assert all(each.label and not each.is_custom for each in found)


@pytest.mark.parametrize("record_type", RECORD_TYPES.all)
async def test_every_field_offers_the_operators_that_its_conditions_take(owner: Context, record_type: RecordType) -> None:
    conditions = inputs(f"{record_type.type_name}Criteria")
    for each in await segment_fields(owner, record_type.name):
        condition = "DateTimeCondition" if each.key == "taggedAt" else conditions[each.key].name
        assert set(each.operators) == ({*inputs(condition)} if each.key != "contact" else set())


@pytest.mark.parametrize("type", [type for type in FieldType if type not in NOT_CUSTOM])
async def test_a_custom_field_offers_the_operators_of_its_family(owner: Context, type: FieldType) -> None:
    choices = ["Gold", "Silver"] if type in WITH_CHOICES else None
    await create_custom_field(owner, key="it", label="It", type=type, choices=choices)
    found = (await segment_fields(owner, CONTACT.name))[-1]
    condition = inputs("CustomFieldCondition")[CUSTOM_KINDS[type].family]
    assert set(found.operators) == {*inputs(condition.name)}
    assert (found.key, found.label, found.type, found.is_custom, found.choices) == ("it", "It", type, True, choices)


async def test_custom_fields_come_last_by_label_and_belong_to_contacts(owner: Context) -> None:
    for key, label in (("b", "Zone"), ("a", "zoo"), ("c", "Area")):
        await create_custom_field(owner, key=key, label=label, type=FieldType.TEXT)
    await create_custom_field(await new_account(owner.services), key="theirs", label="Theirs", type=FieldType.TEXT)
    assert [each.key for each in await segment_fields(owner, CONTACT.name) if each.is_custom] == ["c", "b", "a"]
    assert (await segment_fields(owner, CONTACT.name))[-1].key == "a"
    assert not any(each.is_custom for each in await segment_fields(owner, APPOINTMENT.name))


SHOWN = "key label type operators isCustom choices suggestions { value count id }"


async def test_a_payload_shows_a_custom_field_as_the_list_of_fields_does(owner: Context) -> None:
    for mutation in (
        'createCustomField(input: {key: "plan", label: "Plan", type: DROPDOWN, choices: ["Free"]})',
        'updateCustomField(input: {key: "plan", choices: ["Free", "Team"]})',
    ):
        ((_, payload),) = (await ask(owner, f"mutation {{ {mutation} {{ field {{ {SHOWN} }} }} }}")).items()
        listed = (await ask(owner, f"{{ segmentFields {{ {SHOWN} }} }}"))["segmentFields"]
        assert payload["field"] == listed[-1]
        assert [value["value"] for value in listed[-1]["suggestions"]] == listed[-1]["choices"]
