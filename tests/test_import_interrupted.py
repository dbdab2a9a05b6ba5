"""Imports that end too early: what is imported by then is told exactly, and how to go on."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from app.commands.imports import reporting_early_end
from app.files.importing.fields import names_of
from app.files.importing.opening import open_table
from app.files.importing.plan import ImportOptions, plan_import
from app.files.importing.rows import RowMaker, TargetAccount
from app.files.importing.run import Import
from models.engine.database import Database
from models.errors import Conflict
from resolvers.records.imports import CHUNK
from tests.support.imports import Importing, importing

IMPATIENT = "PRAGMA busy_timeout = 1"  # milliseconds
ROWS = 5 * CHUNK
A_WHILE = 0.05  # seconds


def _import_of(target: Importing, content: str) -> Import:
    target.path.write_text(content)
    table = open_table(target.path)
    plan = plan_import(table.columns, names_of([]), ImportOptions())
    return Import(target.context, table, RowMaker.of(plan, TargetAccount(ZoneInfo("UTC"), "", {}), is_typed=False))


class Another:
    """Another program's write on the same database, which begins when a part of the import is written."""

    def __init__(self, database: Database) -> None:
        assert database.path is not None
        self._connection = sqlite3.connect(database.path, timeout=0, isolation_level=None)
        self.begun = False

    def begin(self) -> None:
        """Begin to write, if something has been imported and nobody is writing."""
        (count,) = self._connection.execute("SELECT count(*) FROM contacts").fetchone()
        if count and not self.begun:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                self.begun = True
            except sqlite3.OperationalError:
                return

    def end(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def _another(database: Database) -> Iterator[Another]:
    with closing(Another(database)) as another:
        yield another


async def test_an_interrupted_import_has_told_of_all_that_is_imported(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        work = _import_of(target, "email\n" + "".join(f"p{number}@example.com\n" for number in range(ROWS)))

        def interrupt(_read: int) -> None:
            if work.summary.rows:  # one part is written, another one is being written, and this is a third one
                asyncio.get_running_loop().call_soon(running.cancel)

        running = asyncio.create_task(work.run(interrupt))
        with pytest.raises(asyncio.CancelledError):
            await running
        assert 0 < work.summary.created == await target.context.scope.contacts.count() < ROWS


@pytest.mark.only("sqlite")
async def test_an_import_outlasts_another_write(database: Database, tmp_path: Path) -> None:
    async with importing(database, tmp_path) as target:
        with _another(database) as another:
            await database.rows(IMPATIENT)

            def interfere(_read: int) -> None:
                before = another.begun
                another.begin()
                if another.begun and not before:
                    asyncio.get_running_loop().call_later(A_WHILE, another.end)

            summary = await _import_of(target, "first name\n" + "Ann\n" * ROWS).run(interfere)
            assert another.begun
        assert summary.created == await target.context.scope.contacts.count() == ROWS


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("column", ["first name", "email"])
async def test_an_import_that_must_give_up_says_what_is_imported_and_how_to_go_on(database: Database, tmp_path: Path, column: str) -> None:
    cell = "{}@example.com" if column == "email" else "P{}"
    content = f"{column}\n" + "".join(cell.format(number) + "\n" for number in range(ROWS))
    async with importing(database, tmp_path) as target:
        await database.rows(IMPATIENT)
        work = _import_of(target, content)
        with _another(database) as another, pytest.raises(Conflict) as raised, reporting_early_end(work.summary):
            await work.run(lambda _: another.begin())
        stored = await target.context.scope.contacts.count()
        assert 0 < stored < ROWS
        said = raised.value.message
        assert said.startswith(f"The database was busy with other writes for too long. So far {stored:,} rows: {stored:,} created,")
        assert "Nothing was changed" not in said
        if column == "email":
            assert "import the file again" in said
        else:
            assert f"without the rows up to line {stored + 1} that have no e-mail address: {stored:,} of them were imported" in said
            lines = content.splitlines()
            content = "\n".join([lines[0], *lines[stored + 1 :]])
        await target.run(content)
        assert await target.context.scope.contacts.count() == ROWS
