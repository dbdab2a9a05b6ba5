"""How an import understands the columns of a file, and what their cells become."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.importing.fields import key_for, names_of
from app.files.importing.plan import ImportOptions, Plan, plan_import
from models import CustomField, FieldType, Role
from models.engine.database import Database
from models.errors import BadInput, Refused
from resolvers.access.users import create_user
from resolvers.grouping.groups import create_group
from resolvers.records.fields import create_custom_field
from resolvers.records.imports import CHUNK
from tests.support.imports import importing


def _plan(header: Sequence[str], custom: Sequence[CustomField] = (), **wishes: Any) -> Plan:
    return plan_import(tuple(header), names_of(custom), ImportOptions(**wishes))


def _fields(plan: Plan) -> dict[str, str]:
    return {plan.columns[index]: field.name for index, field in plan.fields.items()}


def test_columns_find_their_fields_by_the_names_people_give_them() -> None:
    names = "E-mail|First Name|SURNAME|Organisation|Zip|Birthday|last_activity_at|Job Title|Shoe size"
    assert _fields(_plan(names.split("|"))) == {
        "E-mail": "email",
        "First Name": "firstName",
        "SURNAME": "lastName",
        "Organisation": "company",
        "Zip": "postalCode",
        "Birthday": "birthday",
        "last_activity_at": "lastActivityAt",
        "Job Title": "jobTitle",
    }


def test_a_field_is_taken_by_its_own_name_before_others_and_only_once() -> None:
    plan = _plan(["Mobile", "Phone", "phone "])
    assert _fields(plan) == {"Phone": "phone"}
    assert plan.unmatched == (0, 2)


def test_custom_fields_are_found_by_key_and_label() -> None:
    custom = [CustomField(key="plan", label="Plan name", type=FieldType.TEXT), CustomField(key="size", label="Zip", type=FieldType.NUMBER)]
    assert _fields(_plan(["PLAN", "Plan-Name", "zip"], custom)) == {"PLAN": "plan", "zip": "size"}


def test_wishes_win_over_names() -> None:
    plan = _plan(["email", "work = mail", "city", "tags"], columns=["email=-", "work = mail=E-Mail", "CITY=state"], tag_column="Tags")
    assert _fields(plan) == {"work = mail": "email", "city": "state"}
    assert (plan.email_column, plan.tag_column) == (1, 3)


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        ({"columns": ["mail=email"]}, r"--map: there is no column mail\. The columns are email, name\."),
        ({"columns": ["name=nickname"]}, r"--map: there is no field nickname\. The fields are email, firstName,"),
        ({"columns": ["name"]}, "--map takes COLUMN=FIELD"),
        ({"columns": ["email=email", "name=email"]}, "--map: email and name cannot both be email"),
        ({"tag_column": "labels"}, r"--tag-column: there is no column labels\. The columns are email, name\."),
    ],
    ids=["column", "field", "form", "twice", "tags"],
)
def test_a_wish_for_what_does_not_exist_is_refused_with_what_does(wishes: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        _plan(["email", "name"], **wishes)


@given(st.text(max_size=80), st.sets(st.sampled_from(["field", "field2", "a", "plan", "x"])))
def test_a_key_for_any_label_is_one_that_a_field_can_have(label: str, taken: set[str]) -> None:
    key = key_for(label, taken)
    assert key not in taken
    assert key[0].islower()
    assert key.isascii()
    assert key.isalnum()
    assert len(key) <= 64


async def test_columns_without_a_field_are_ignored_or_become_fields_once(database: Database, tmp_path: Path) -> None:
    content = "email,Shoe size,#,Straße\nann@example.com,38,7,Hauptstraße\n"
    async with importing(database, tmp_path) as target:
        await target.run(content)
        assert await target.custom("ann@example.com") == {}
        for _ in range(2):
            await target.run(content, create_fields=True, columns=["#=-"])
            assert await target.custom("ann@example.com") == {"shoeSize": "38", "strae": "Hauptstraße"}


async def test_cells_take_the_form_of_their_field(database: Database, tmp_path: Path) -> None:
    types = {"size": FieldType.NUMBER, "paid": FieldType.CHECKBOX, "seen": FieldType.DATE_TIME, "colors": FieldType.LIST}
    async with importing(database, tmp_path) as target:
        for key, kind in types.items():
            choices = ["Red", "Blue"] if kind is FieldType.LIST else None
            await create_custom_field(target.context, key=key, label=key, type=kind, choices=choices)
        await target.run(
            "email,size,paid,seen,colors,last activity,spent\n"
            "ann@example.com,38.5,Yes,2026-03-02 09:30,red | blue,2026-07-01T00:00:00Z,12.50\n"
            "bob@example.com,big,maybe,soon,green,yesterday,1e99\n"
        )
        assert await target.custom("ann@example.com") == {
            "size": "38.5",
            "paid": True,
            "seen": "2026-03-02T08:30:00Z",
            "colors": ["Red", "Blue"],
        }
        assert (await target.contacts())["ann@example.com"]["last_activity_at"] == datetime(2026, 7, 1, tzinfo=UTC)
        told = target.bad_rows()[3]
        assert [told.count(f"{column}: ") for column in ("size", "paid", "seen", "colors", "last activity", "spent")] == [1] * 6


async def test_tags_come_from_the_options_and_from_a_column(database: Database, tmp_path: Path) -> None:
    content = "email,Labels\nann@example.com,Client; VIP |client\nbob@example.com,\n" + f"eve@example.com,{'x' * 101}\n"
    async with importing(database, tmp_path) as target:
        await target.run(content, tags=["Imported"], tag_column="labels")
        assert await target.tags() == {"ann@example.com": {"Client", "VIP", "Imported"}, "bob@example.com": {"Imported"}}
        assert target.bad_rows()[4].startswith("Labels: ")
        assert (await target.run(content, tags=["IMPORTED"], tag_column="Labels")).updated == 0
        with pytest.raises(Refused):
            await target.run(content, tags=[" "])


@pytest.mark.parametrize("column", ["tags", "Tags", "TAGS"])
async def test_tags_are_found_by_name_whatever_the_case(database: Database, tmp_path: Path, column: str) -> None:
    async with importing(database, tmp_path) as target:
        await target.run(f"email,{column}\nann@example.com,Client\n", create_fields=True)
        assert await target.tags() == {"ann@example.com": {"Client"}}
        assert not await target.context.scope.custom_fields.count()


def test_a_custom_field_that_is_called_tags_keeps_its_column() -> None:
    custom = [CustomField(key="labels", label="Tags", type=FieldType.TEXT)]
    assert _plan(["email", "tags", "Tags"]).tag_column == 1
    plan = _plan(["email", "Tags"], custom)
    assert (_fields(plan), plan.tag_column) == ({"email": "email", "Tags": "labels"}, None)


async def test_a_time_before_there_were_time_zones_is_one_too(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        await target.run("email,last activity\nann@example.com,1890-01-01 00:00\nbob@example.com,0001-01-01 00:00\n")
        assert (await target.contacts())["ann@example.com"]["last_activity_at"] == datetime(1889, 12, 31, 23, 6, 32, tzinfo=UTC)
        assert target.bad_rows()[3].startswith("last activity: ")


async def test_addresses_of_an_export_are_read_as_they_were_before_they_were_shielded(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        bob = await create_user(target.context, name="Bob", email="+bob@example.com", role=Role.EDITOR)
        between = "".join(f",p{number}@example.com,P,\n" for number in range(CHUNK))
        shielded = ",'+ann@example.com,Ann,'+bob@example.com\n"
        content = f"musterAccount,email,firstName,ownerEmail\n{shielded}{between},+ann@example.com,Anna,\n"
        assert (await target.run(content)).bad == 0
        ann = (await target.contacts())["+ann@example.com"]
        assert (ann["first_name"], ann["owner_id"]) == ("Anna", bob.id)
        assert (await target.run(content)).updated == 0


async def test_empty_cells_leave_what_a_contact_has(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        await target.run("email,first name,city\nann@example.com,Ann,Oslo\n")
        assert (await target.run("email,first name,city\nANN@example.com,,Rome\n")).updated == 1
        (ann,) = (await target.contacts()).values()
        assert (ann["email"], ann["first_name"], ann["city"]) == ("ANN@example.com", "Ann", "Rome")


async def test_without_an_email_column_every_row_is_a_new_contact(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        for _ in range(2):
            assert (await target.run("first name\nAnn\nBob\n")).created == 2
        assert await target.context.scope.contacts.count() == 4


async def test_groups_follow_what_is_imported(database: Database, tmp_path: Path) -> None:
    criteria = {"contacts": {"all": [{"country": {"equals": ["Canada"]}}, {"tags": {"containsNone": [{"name": "Left"}]}}]}}
    async with importing(database, tmp_path) as target:
        await target.run("email\nold@example.com\n", tags=["Left"])
        group = await create_group(target.context, name="Here", criteria=criteria)
        await target.run("email,country\nann@example.com,canada\nbob@example.com,Peru\nold@example.com,Canada\n")
        members = await target.context.scope.group_members.filter(set_id=group.members_id).values_list("record_id", flat=True)
        assert list(members) == [(await target.contacts())["ann@example.com"]["id"]]
