"""`--create-fields`: a custom field for each column without one, all of them or none."""

from pathlib import Path

import pytest

from models import CustomField, FieldType
from models.engine.database import Database
from models.errors import BadInput
from resolvers.records.fields import LONGEST_LABEL, MOST_FIELDS, create_custom_field
from tests.support.imports import Importing, importing


async def _fields(target: Importing) -> list[tuple[str, str]]:
    return [(field.key, field.label) for field in await target.context.scope.custom_fields.order_by("id")]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("x" * (LONGEST_LABEL + 1), rf"the column x+ cannot be a field\. The text has {LONGEST_LABEL + 1} characters"),
        (
            "customFields.Plan name",
            r"the column customFields\.Plan name cannot be a field\. After customFields\. there must be",
        ),
    ],
    ids=["label", "key"],
)
async def test_where_one_column_cannot_be_a_field_none_becomes_one(database: Database, tmp_path: Path, column: str, said: str) -> None:
    async with importing(database, tmp_path) as target:
        with pytest.raises(BadInput, match=said):
            await target.run(f"email,one,{column},two\nann@example.com,1,2,3\n", create_fields=True)
        assert not await _fields(target)


async def test_where_columns_are_too_many_none_becomes_a_field(database: Database, tmp_path: Path) -> None:
    columns = ",".join(f"c{number}" for number in range(MOST_FIELDS))
    async with importing(database, tmp_path) as target:
        await create_custom_field(target.context, key="plan", label="Plan", type=FieldType.TEXT)
        with pytest.raises(BadInput, match=f"{MOST_FIELDS} columns have no field, and the account has room for {MOST_FIELDS - 1} more"):
            await target.run(f"email,{columns}\n", create_fields=True)
        assert await _fields(target) == [("plan", "Plan")]


async def test_fields_are_made_in_the_order_of_their_columns(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        await target.run("email,Shoe size,Plan,city,Age\n", create_fields=True)
        assert await _fields(target) == [("shoeSize", "Shoe size"), ("plan", "Plan"), ("age", "Age")]


async def test_columns_of_an_export_name_their_fields_exactly(database: Database, tmp_path: Path) -> None:
    content = "email,Plan-Name,customFields.planName,customFields.plan_name\nann@example.com,1,2,3\n"
    async with importing(database, tmp_path) as target:
        for _ in range(2):
            await target.run(content, create_fields=True)
            assert await target.custom("ann@example.com") == {"planName": "2", "plan_name": "3"}
        assert await _fields(target) == [("planName", "planName"), ("plan_name", "plan_name")]


async def test_a_column_whose_field_another_one_fills_by_wish_is_ignored(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        await create_custom_field(target.context, key="plan", label="Plan", type=FieldType.TEXT)
        content = "email,Program,customFields.plan\nann@example.com,1,2\n"
        await target.run(content, create_fields=True, columns=["Program=customFields.plan"])
        assert await target.custom("ann@example.com") == {"plan": "1"}
        assert await _fields(target) == [("plan", "Plan")]


async def test_columns_that_mean_the_same_share_a_field_which_the_first_one_fills(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        for _ in range(2):
            await target.run("email,E-mail,Shoe size,shoe_size\nann@example.com,x,38,39\n", create_fields=True)
        assert await target.custom("ann@example.com") == {"shoeSize": "38"}
        assert await CustomField.all().count() == 1
