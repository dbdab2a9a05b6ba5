"""Importing CSV files: what lands, what is refused and why, and that a second time changes nothing."""

import asyncio
import csv
import gc
import io
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.files.importing.csv_table import LARGEST_CELL
from app.files.importing.opening import open_table
from models.engine.database import Database
from models.errors import BadInput
from models.text import fold
from resolvers.records.imports import CHUNK
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.command_line import run
from tests.support.imports import importing
from tests.support.processes import DEADLINE, environment, new_token
from tests.support.programs import start
from tests.support.services import running_services

# ---------------------------------------------------------------- the law

GOOD_EMAILS = ("ann@example.com", "ANN@Example.com", "bob@example.com", "Straße@example.de", "strasse@example.de", " eve@example.com ")
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    ['"', "a,b;c\td", "line\nbreak", "\r", "x\r\ny", "Ä", "=1+1"]
)
SCORES = st.sampled_from(["", "0", "7", " 12 ", "-3"])
BIRTHDAYS = st.sampled_from(["", "1990-02-28", "2000-02-29"])


@dataclass(frozen=True)
class Given:
    """A row of a generated file. `bad` says whether it must be refused."""

    cells: tuple[str, ...]
    bad: bool


def _good_rows() -> st.SearchStrategy[Given]:
    cells = st.tuples(st.sampled_from(GOOD_EMAILS), NAMES.filter(lambda name: "\0" not in name), SCORES, BIRTHDAYS)
    return cells.map(lambda found: Given(found, bad=False))


def _bad_rows() -> st.SearchStrategy[Given]:
    email, name = st.sampled_from(GOOD_EMAILS), NAMES
    cells = st.one_of(
        st.tuples(st.sampled_from(["nobody", "a@b@c", "@example.com", "a b@example.com"]), name, SCORES, BIRTHDAYS),
        st.tuples(st.just(""), st.just("Nobody"), SCORES, BIRTHDAYS),
        st.tuples(email, st.just("nul\0"), SCORES, BIRTHDAYS),
        st.tuples(email, name, st.sampled_from(["many", "1.5", "9999999999"]), BIRTHDAYS),
        st.tuples(email, name, SCORES, st.sampled_from(["yesterday", "2023-02-29", "28.02.1990"])),
        st.tuples(email),
        st.tuples(email, name, SCORES, BIRTHDAYS, st.just("")),
    )
    return cells.map(lambda found: Given(found, bad=True))


def _written(rows: Sequence[Given], dialect: dict[str, Any], bom: bool) -> tuple[bytes, list[int]]:
    """The file, and the line on which each row begins."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, **dialect)
    writer.writerow(["E-mail", "First name", "score", "Birth date"])
    lines = []
    for row in rows:
        written = stream.getvalue()
        lines.append(1 + written.count("\n") + written.replace("\r\n", "\n").count("\r"))
        writer.writerow(row.cells)
    return b"\xef\xbb\xbf" * bom + stream.getvalue().encode(), lines


def _expected(rows: Sequence[Given]) -> dict[str, dict[str, Any]]:
    """What the good rows make of contacts, one after the other: cells that are not empty overwrite."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        if not row.bad:
            email, name, score, birthday = (cell.strip() for cell in row.cells)
            contact = found.setdefault(fold(email), {"email": None, "first_name": None, "score": None, "birthday": None})
            given = {
                "email": email,
                "first_name": name or None,
                "score": int(score) if score else None,
                "birthday": date.fromisoformat(birthday) if birthday else None,
            }
            contact.update({key: value for key, value in given.items() if value is not None})
    return found


ENDINGS = [(csv.QUOTE_MINIMAL, "\r\n"), (csv.QUOTE_ALL, "\r\n"), (csv.QUOTE_ALL, "\n")]  # others leave a carriage return unquoted
DIALECTS = st.builds(
    lambda delimiter, ending: {"delimiter": delimiter, "quoting": ending[0], "lineterminator": ending[1]},
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(ENDINGS),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(rows=st.lists(_good_rows() | _bad_rows(), max_size=20), dialect=DIALECTS, bom=st.booleans())
async def test_good_rows_land_bad_rows_are_told_of_and_a_second_import_changes_nothing(
    database: Database, tmp_path: Path, *, rows: list[Given], dialect: dict[str, Any], bom: bool
) -> None:
    content, lines = _written(rows, dialect, bom)
    expected = _expected(rows)
    bad = {line for line, row in zip(lines, rows, strict=True) if row.bad}
    async with importing(database, tmp_path) as target:
        first = await target.run(content)
        stored = await target.contacts()
        told = {"email", "first_name", "score", "birthday"}
        assert {fold(row["email"]): {name: row[name] for name in told} for row in stored.values()} == expected
        assert set(target.bad_rows(dialect["delimiter"])) == bad
        repeated = len(rows) - len(bad) - len(expected)
        assert (first.rows, first.created, first.updated, first.repeated, first.bad) == (len(rows), len(expected), 0, repeated, len(bad))
        second = await target.run(content)
        assert (second.created, second.updated, second.unchanged) == (0, 0, len(expected))
        assert await target.contacts() == stored


# ---------------------------------------------------------------- reading files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with a line that names its columns"),
        (b"\xef\xbb\xbf\n", "does not begin with a line that names its columns"),
        (b",,\n1,2,3\n", "does not begin with a line that names its columns"),
        ("email;name\n".encode("utf-16"), "not a CSV file in UTF-8"),
        ("Größe\n".encode("latin-1"), "not a CSV file in UTF-8"),
        (b"SQLite format 3\0\0\0", "not a CSV file in UTF-8"),
        (b"email,name,email\n", "two columns named email"),
    ],
    ids=["empty", "blank", "nameless", "UTF-16", "Latin-1", "binary", "twice"],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=said):
        open_table(path)


def test_a_directory_or_nothing_is_no_file(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing.csv"):
        with pytest.raises(BadInput, match="There is no file"):
            open_table(path)


async def test_bytes_that_are_not_utf8_and_open_quotes_spoil_only_their_rows(database: Database, tmp_path: Path) -> None:
    content = (
        b'email,name\nann@example.com,Ann\nj\xf6rg@example.com,J\nbob@example.com,Bob\neve@example.com,"' + b"x" * LARGEST_CELL + b"\n"
    )
    async with importing(database, tmp_path) as target:
        summary = await target.run(content + b"zoe@example.com,Zoe\n")
        assert set(await target.contacts()) == {"ann@example.com", "bob@example.com", "zoe@example.com"}
        assert summary.bad == 2
        told = target.bad_rows()
        assert "not UTF-8" in told[3]
        assert "quotation mark" in told[5]
        assert b"j\xf6rg@example.com" in target.path.with_name("people.errors.csv").read_bytes()


async def test_the_file_of_bad_rows_can_be_mended_and_imported(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        await target.run("email;First name;Score\nann@example.com;Ann;1\nbob@example;Bob;x\n;;\nragged\n", tags=["New"])
        told = target.bad_rows(";")
        assert list(told) == [3, 5]
        assert told[3].startswith("email: This is not an e-mail address")
        assert "Score: Expected a whole number" in told[3]
        assert told[5] == "The row has 1 fields, and the first line names 3 columns."
        mended = target.path.with_name("people.errors.csv").read_text().replace("bob@example;Bob;x", "bob@example.com;Bob;2")
        mended = mended.replace("ragged;;", "eve@example.com;;").replace(";ragged", ";")
        assert str(await target.run(mended, create_fields=True)).startswith("2 rows: 2 created")
        assert set(await target.contacts()) == {"ann@example.com", "bob@example.com", "eve@example.com"}
        assert not target.bad_rows()
        assert not await target.context.scope.custom_fields.count()


async def test_the_interpreter_is_as_before_when_an_import_has_ended(database: Database, tmp_path: Path) -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    async with importing(database, tmp_path) as target:
        await target.run("email\nann@example.com\n")
    assert (gc.get_threshold(), sys.getswitchinterval()) == before


# ---------------------------------------------------------------- the program


async def test_the_program_shows_the_mapping_and_ends_with_the_summary(url: str, tmp_path: Path) -> None:
    await new_token(url, "Acme")
    path = tmp_path / "people.csv"
    path.write_text("E-mail,Name,Section\nann@example.com,Ann,python\nbob@example.com,Bob,oldlibs\nbad,Bad,python\n")
    words = ("import", path, "--account", "acme", "--map", "Name=lastName", "--tag", "Debian", "--tag-column", "Section")
    ran = await run(url, *words)
    assert (ran.code, ran.output) == (0, f"3 rows: 2 created, 0 updated, 0 unchanged, 1 bad (see {tmp_path}/people.errors.csv)\n")
    assert [line.split()[1:4:2] for line in ran.errors.splitlines()[3:6]] == [
        ["E-mail", "email"],
        ["Name", "lastName"],
        ["Section", "tags"],
    ]


async def test_an_interrupted_import_keeps_whole_chunks_and_goes_on_when_run_again(url: str, tmp_path: Path, database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        await new_account(services)
    path, count = tmp_path / "people.csv", 60_000
    path.write_text("email\n" + "".join(f"p{number}@example.com\n" for number in range(count)))
    process = await start("import", str(path), environment=environment(url))
    async with asyncio.timeout(DEADLINE):
        while not await _count(database):
            pass
        process.send_signal(signal.SIGINT)
        output, errors = await process.communicate()
    assert (process.returncode, output) == (130, b""), errors.decode()
    kept = await _count(database)
    assert 0 < kept < count
    assert kept % CHUNK == 0
    *_, told, last = errors.decode().splitlines()
    assert told.startswith(f"So far {kept:,} rows: {kept:,} created, 0 updated, 0 unchanged, 0 bad. To continue, import the file again")
    assert last == "Interrupted. Everything that was finished is kept."


async def _count(database: Database) -> int:
    count: int = (await database.row("SELECT count(*) AS count FROM contacts"))["count"]
    return count
