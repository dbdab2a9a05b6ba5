"""The mark by which an import knows an account's own ids: it is the account's alone, and of before a restore it is nobody's."""

import re
import shutil
from pathlib import Path

import pytest
from tortoise.migrations.executor import MigrationExecutor, MigrationTarget

from app.commands.exports import ExportOrder, export_file
from app.provisioning.accounts import as_owner, chosen_account
from app.running.services import open_services
from app.settings import Settings
from models import Account, migrations
from models.engine.configuration import APP, CONNECTION, MODULES, sqlite_path
from models.engine.database import Database, open_database
from models.engine.migrate import migrate
from resolvers.access.accounts import account
from resolvers.maintenance.restoring import begin_new_epochs
from resolvers.records.contacts import create_contact
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.command_line import run
from tests.support.exports import exporting
from tests.support.services import running_services

MARK = re.compile("m[0-9a-f]{16}")
BEFORE = "0005_fewer_search_terms"
OLD_ACCOUNTS = """
    INSERT INTO accounts (id, name, timezone, definitions_version, created_at, updated_at)
    VALUES (1, 'First', 'UTC', 1, 0, 0), (2, 'Second', 'UTC', 1, 0, 0)
"""


async def test_every_account_has_a_mark_of_its_own_that_is_no_number(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        marks = [(await account(await new_account(services))).mark for _ in range(3)]
        assert len(set(marks)) == 3
        assert all(map(MARK.fullmatch, marks))


async def test_accounts_from_before_there_were_marks_get_one_each(empty_url: str) -> None:
    async with open_database(empty_url) as database:
        config = {APP: {"models": MODULES, "default_connection": CONNECTION, "migrations": migrations.__name__}}
        await MigrationExecutor(database.connection, config).migrate([MigrationTarget(APP, BEFORE)])
        await database.rows(OLD_ACCOUNTS)
        await migrate(database)
        first, second = [found.mark for found in await Account.all()]
        assert first != second
        assert MARK.fullmatch(first)
        assert MARK.fullmatch(second)


async def test_a_restore_gives_an_account_another_mark_and_leaves_the_others_theirs(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        mine, theirs = await new_account(services), await new_account(services)
        before = [(await account(context)).mark for context in (mine, theirs)]
        await begin_new_epochs(services, mine.caller.account_id)
        after = [(await account(context)).mark for context in (mine, theirs)]
        assert after[0] != before[0]
        assert MARK.fullmatch(after[0])
        assert after[1] == before[1]


async def test_an_id_in_a_file_from_before_a_restore_finds_nobody(database: Database, tmp_path: Path) -> None:
    async with exporting(database, tmp_path) as target:
        here = await target.new_account()
        await create_contact(here, fields={"email": "ann@example.com"})
        path = await target.export(here)
        await begin_new_epochs(target.services, here.caller.account_id)
        assert (await target.import_(here, path)).unchanged == 1
        path.write_text(path.read_text().replace("ann@", "anna@"))
        assert (await target.import_(here, path)).created == 1
        assert {contact.email for contact in await here.scope.contacts} == {"ann@example.com", "anna@example.com"}
        path = await target.export(here)
        path.write_text(path.read_text().replace("ann@", "anne@"))
        assert (await target.import_(here, path)).updated == 1


@pytest.mark.only("sqlite")  # where a backup is one file
async def test_a_file_from_before_a_restore_overwrites_nobody_who_has_got_the_same_id_since(url: str, tmp_path: Path) -> None:
    path, backup, exported = sqlite_path(url), tmp_path / "backup.db", tmp_path / "people.csv"
    async with open_services(Settings(database_url=url)) as services:
        await new_account(services)
    shutil.copy(path, backup)
    await _create(url, "ann@example.com")
    async with open_services(Settings(database_url=url)) as services:
        await export_file(services, ExportOrder(exported))
    shutil.copy(backup, path)
    assert (await run(url, "restored")).code == 0
    await _create(url, "bob@example.com")
    assert (await run(url, "import", exported)).output == "1 row: 1 created, 0 updated, 0 unchanged, 0 bad\n"
    async with open_services(Settings(database_url=url)) as services:
        context = await as_owner(services, await chosen_account(None))
        assert {contact.email for contact in await context.scope.contacts} == {"ann@example.com", "bob@example.com"}


async def _create(url: str, email: str) -> None:
    async with open_services(Settings(database_url=url)) as services:
        await create_contact(await as_owner(services, await chosen_account(None)), fields={"email": email})
