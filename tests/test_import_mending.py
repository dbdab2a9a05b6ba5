"""Rows that cannot be imported: the file of bad rows has all of them, and they stay bad until they are mended."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.files.importing.csv_table import LARGEST_CELL
from app.files.importing.opening import open_table
from app.files.importing.table import NOT_MENDED, TEXT
from models.engine.database import Database
from models.errors import BadInput
from resolvers.values.custom_values import LONGEST_LONG_TEXT
from tests.support.command_line import run
from tests.support.imports import importing
from tests.support.processes import new_token

HEADER = ["first name", "last name", "city", "company"]
CELLS = st.lists(st.sampled_from(["ann@example.com", "Smith", " John", "a,b", 'say "so"', "two\nlines", ""]), max_size=7)


def _written(*rows: Sequence[str]) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def _read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(CELLS.filter(lambda cells: len(cells) != len(HEADER) and any(map(str.strip, cells))))
async def test_a_row_that_does_not_fit_is_refused_until_it_is_mended_and_nothing_of_it_is_lost(
    database: Database, tmp_path: Path, cells: list[str]
) -> None:
    async with importing(database, tmp_path) as target:
        table = [HEADER, cells]
        for _ in range(3):
            summary = await target.run(_written(*table))
            assert (summary.created, summary.bad) == (0, 1)
            table = _read(target.path.with_name("people.errors.csv").read_bytes().decode())
            assert _read(table[1][-1]) == [cells]
        header, bad = table
        mended = await target.run(_written(header, ["Ann", *bad[1:-1], ""]))
        assert (mended.created, mended.bad) == (1, 0)


async def test_a_row_of_too_many_fields_does_not_come_back_shifted(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        await target.run("email,last name,first name,city\nann@example.com,Smith, John,Ann,Oslo\n")
        bad = target.path.with_name("people.errors.csv").read_text()
        assert "ann@example.com,Smith, John,Ann,Oslo" in bad
        assert (await target.run(bad)).created == 0
        assert target.bad_rows()[2] == NOT_MENDED
        mended = bad.replace("ann@example.com,Smith, John,Ann,", 'ann@example.com,"Smith, John",Ann,Oslo,', 1)
        mended = mended.replace('"ann@example.com,Smith, John,Ann,Oslo"', "")
        assert (await target.run(mended)).created == 1
        (ann,) = (await target.contacts()).values()
        assert (ann["last_name"], ann["first_name"], ann["city"]) == ("Smith, John", "Ann", "Oslo")


async def test_a_row_that_was_too_long_to_be_repeated_makes_no_empty_contact(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        assert (await target.run('first name\n"' + "x" * (LARGEST_CELL + 1) + '"\n')).bad == 1
        assert (await target.run(target.path.with_name("people.errors.csv").read_bytes())).bad == 1
        assert not await target.context.scope.contacts.count()


async def test_a_line_that_is_no_object_stays_bad_until_it_is_one(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        target.path = target.path.with_suffix(".jsonl")
        assert (await target.run('{"firstName": "Ann"}\n{"firstName": "Bob"\n')).bad == 1
        bad = target.path.with_name("people.errors.jsonl")
        row = orjson.loads(bad.read_bytes())
        assert row[TEXT] == '{"firstName": "Bob"'
        both = orjson.dumps({"firstName": "Eve"}).decode() + "\n"
        for _ in range(2):
            summary = await target.run(both + bad.read_text())
            assert (summary.created, summary.bad) == (1, 1)
            assert orjson.loads(bad.read_bytes())[TEXT] == row[TEXT]
        summary = await target.run(orjson.dumps(row | {"firstName": "Bob", TEXT: ""}))
        assert (summary.created, summary.bad) == (1, 0)
        assert not await target.context.scope.custom_fields.count()


# ---------------------------------------------------------------- files of objects


def test_a_contact_of_many_long_texts_is_not_too_long_for_a_line(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    texts = {f"long{number}": "\u4e00" * LONGEST_LONG_TEXT for number in range(150)}
    path.write_bytes(orjson.dumps({"email": "ann@example.com", "customFields": texts}))
    (record,) = open_table(path).records(lambda _: None)
    assert record.problem is None


def test_a_file_without_an_object_says_what_is_wrong_with_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text('\n{"email": \n')
    with pytest.raises(BadInput, match=r"no line that can be read as a JSON object.* Line 2: The line is not JSON in UTF-8: "):
        open_table(path)


# ---------------------------------------------------------------- the program


async def test_a_file_whose_name_is_not_utf8_may_have_bad_rows(url: str, tmp_path: Path) -> None:
    await new_token(url, "Acme")
    path = tmp_path / "l\udce4n.csv"
    path.write_text("email\nnobody\n")
    ran = await run(url, "import", path)
    assert (ran.code, ran.output.partition(" bad ")[2]) == (0, f"(see {tmp_path}/l\\udce4n.errors.csv)\n")
