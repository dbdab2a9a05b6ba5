"""Rows about the same contact are brought together, wherever in the file they are, in bounded memory."""

import tracemalloc
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from app.files.importing.opening import open_table
from app.files.importing.repeats import MOST_HELD, MOST_TOGETHER, Gathering, Repeats, chunked
from app.files.importing.table import Record
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.access.accounts import account
from resolvers.records.imports import CHUNK
from tests.support.imports import importing


@given(items=st.lists(st.tuples(st.integers(0, 9), st.integers()), max_size=60), size=st.integers(1, 8))
def test_items_of_one_key_are_gathered_in_their_order_and_none_is_lost(items: list[tuple[int, int]], size: int) -> None:
    def key(item: tuple[int, int]) -> int:
        return item[0]

    groups = list(Gathering(key, Repeats(map(key, items)).last).together(items))
    assert sorted(group[0][0] for group in groups) == sorted({key(item) for item in items})
    assert {key(group[0]): group for group in groups} == {number: [item for item in items if key(item) == number] for number, _ in items}
    chunks = list(chunked(groups, size))
    assert [item for chunk in chunks for item in chunk] == [item for group in groups for item in group]
    assert all(len(chunk) >= size for chunk in chunks[:-1])


async def test_rows_far_apart_that_are_about_one_contact_do_not_undo_each_other(database: Database, tmp_path: Path) -> None:
    between = "".join(f"p{number}@example.com,P\n" for number in range(1200))
    content = f"email,first name\nann@example.com,Ann\n{between}ANN@example.com,Anna\nann@example.com,\n"
    async with importing(database, tmp_path) as target:
        assert str(await target.run(content)) == "1,203 rows: 1,201 created, 0 updated, 0 unchanged, 2 repeated, 0 bad"
        before = await target.contacts()
        assert str(await target.run(content)) == "1,203 rows: 0 created, 0 updated, 1,201 unchanged, 2 repeated, 0 bad"
        assert await target.contacts() == before
        assert before["ann@example.com"]["first_name"] == "Anna"


@settings(max_examples=20)
@given(items=st.lists(st.tuples(st.integers(0, 3), st.text(max_size=3)), max_size=30))
def test_items_that_wait_on_the_disk_come_back_as_they_were(items: list[tuple[int, str]]) -> None:
    def key(item: tuple[int, str]) -> int:
        return item[0]

    waiting = [(-number - 1, "") for number in range(MOST_HELD)]
    groups = list(Gathering(key, Repeats(map(key, [*waiting, *items, *waiting])).last).together([*waiting, *items, *waiting]))
    assert {key(group[0]): group for group in groups if key(group[0]) >= 0} == {
        number: [item for item in items if key(item) == number] for number, _ in items
    }
    assert sum(len(group) for group in groups) == len(items) + 2 * len(waiting)


def test_a_key_that_comes_too_often_is_not_held_until_its_last_item() -> None:
    items = [0] * (2 * MOST_TOGETHER + 2)
    groups = list(Gathering(hash, Repeats(items).last).together(items))
    assert list(map(len, groups)) == [MOST_TOGETHER + 1, MOST_TOGETHER + 1]


async def test_two_lists_of_the_same_people_one_after_the_other_do_not_undo_each_other(database: Database, tmp_path: Path) -> None:
    lists = (f"p{number}@example.com,{name}\n" for name in ("Old", "New") for number in range(MOST_HELD + CHUNK))
    content = "email,first name\n" + "".join(lists)
    async with importing(database, tmp_path) as target:
        assert (await target.run(content)).created == MOST_HELD + CHUNK
        assert (await target.run(content)).updated == 0


async def test_rows_far_apart_that_name_one_contact_by_its_id_and_by_its_address_do_not_undo_each_other(
    database: Database, tmp_path: Path
) -> None:
    between = "".join(f",,p{number}@example.com,P\n" for number in range(CHUNK + 1))
    async with importing(database, tmp_path) as target:
        await target.run("email\nann@example.com\n")
        mark = (await account(target.context)).mark
        (ann,) = (await target.contacts()).values()
        named = f"{to_global_id('Contact', ann['id'])},{mark},ann@example.com,Ann\n"
        for rows in ((named, between, ",,ANN@example.com,Anna\n"), (",,ANN@example.com,Anna\n", between, named)):
            content = "id,musterAccount,email,firstName\n" + "".join(rows)
            await target.run(content)
            assert (await target.run(content)).updated == 0


async def test_a_file_of_any_length_is_read_in_the_same_memory(tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        path = tmp_path / f"{rows}.csv"
        path.write_text("email,name\n" + "".join(f"p{number}@example.com,{'x' * 50}\n" for number in range(rows)))
        table = open_table(path)
        tracemalloc.start()
        last = Repeats(record.cells[0] for record in table.records(lambda _: None)).last
        gathering: Gathering[Record] = Gathering(lambda record: record.cells[0], last)
        gathered = gathering.together(table.records(lambda _: None))
        assert sum(len(chunk) for chunk in chunked(gathered, 500)) == rows
        _, found = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return found

    assert peak(30_000) < peak(10_000) + 200_000
