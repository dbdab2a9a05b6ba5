"""Rows that are added together get their ids in the order in which they were given, however many they are."""

import pytest

from models import Account, Tag
from models.engine.database import Database
from models.engine.insertion import MOST_AT_ONCE, insert_rows

COLUMNS = {"account_id": "bigint", "name": "text", "name_folded": "text", "created_at": "bigint", "updated_at": "bigint", "color": "text"}


async def _account() -> Account:
    return await Account.create(name="Ann's", timezone="UTC", created_at=0, updated_at=0)


@pytest.mark.parametrize("count", [0, 1, 2, 7, MOST_AT_ONCE, 2 * MOST_AT_ONCE + 5])
async def test_ids_are_returned_in_the_order_of_the_rows(database: Database, count: int) -> None:
    account = await _account()
    rows = [(account.id, f"Täg {number} '?", f"täg {number} '?", number, 2**53 + number, None) for number in range(count)]
    ids = await insert_rows(database, "tags", COLUMNS, rows)
    stored = {tag["id"]: tuple(tag.values())[1:] for tag in await Tag.all().values("id", "name", "color")}
    assert [stored[tag_id] for tag_id in ids] == [(name, color) for _, name, _, _, _, color in rows]
    instants = {row["id"]: row["updated_at"] for row in await database.rows("SELECT id, updated_at FROM tags")}
    assert [instants[tag_id] for tag_id in ids] == [row[4] for row in rows]


async def test_an_id_is_never_given_out_again(database: Database) -> None:
    account = await _account()

    async def insert(name: str) -> int:
        (tag_id,) = await insert_rows(database, "tags", COLUMNS, [(account.id, name, name, 0, 0, None)])
        return tag_id

    first, second = await insert("first"), await insert("second")
    await Tag.filter(id=second).delete()
    third = await insert("third")
    assert first < second < third < (await Tag.create(account=account, name="x", name_folded="x", created_at=0, updated_at=0)).id
