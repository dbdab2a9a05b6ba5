"""What counts as a statement that names its account, and what a run says of one that does not."""

import pytest

from models.engine.database import Database
from resolvers.membership.clock import start
from tests.support.clock import NOON
from tests.support.sent_statements import StatementRecorder, account_columns, judged, listed, unscoped
from tests.support.statement_scope import StatementReader, Unscoped, normalised

COLUMNS = {"accounts": "id", "contacts": "account_id", "taggings": "account_id", "groups": "account_id", "retired_sets": None}

SCOPED = (
    "SELECT 1 AS one",
    "SELECT now FROM clock",
    "SELECT name FROM accounts WHERE id = ?",
    "SELECT id FROM contacts WHERE account_id = ? AND id = ?",
    "SELECT id FROM groups WHERE account_id + 0 = ? AND id = ?",
    'SELECT "contacts"."id" FROM "contacts" WHERE ("contacts"."account_id" = ? AND "contacts"."id" = ?)',
    "SELECT c.id FROM contacts AS c JOIN taggings AS t ON t.contact_id = c.id AND t.account_id = c.account_id WHERE c.account_id = ?",
    "SELECT c.id FROM contacts AS c JOIN taggings AS t ON t.account_id = c.account_id JOIN groups AS g ON g.account_id = t.account_id "
    "WHERE g.account_id = ?",
    "SELECT c.id FROM contacts AS c LEFT JOIN taggings AS t ON t.contact_id = c.id AND t.account_id = c.account_id WHERE c.account_id = ?",
    "SELECT id FROM contacts AS c WHERE account_id = ? AND EXISTS "
    "(SELECT 1 FROM taggings AS t WHERE t.account_id = c.account_id AND t.contact_id = c.id)",
    "SELECT id FROM contacts WHERE (account_id = ? AND id = ?) OR (account_id = ? AND email = ?)",
    "SELECT c.id FROM contacts AS c JOIN (SELECT value FROM json_each(?)) AS given ON c.account_id = given.value",
    "WITH found AS (SELECT id, account_id FROM contacts WHERE account_id = ?) "
    "SELECT g.id FROM groups AS g JOIN found ON g.account_id = found.account_id",
    "INSERT INTO contacts (account_id, email) VALUES (?, ?) RETURNING id",
    "INSERT INTO accounts (name) VALUES (?)",
    "INSERT INTO taggings (account_id, contact_id) SELECT account_id, id FROM contacts WHERE account_id = ?",
    "UPDATE contacts SET email = ? WHERE id = ? AND account_id = ?",
    "DELETE FROM taggings WHERE account_id = ?",
    "DELETE FROM taggings WHERE account_id + 0 = ? AND contact_id = ?",
    "PRAGMA synchronous",
)

UNSCOPED = (
    ("SELECT name FROM accounts", ["accounts"]),
    ("SELECT id FROM contacts WHERE id = ?", ["contacts"]),
    ("SELECT id FROM contacts WHERE account_id <> ?", ["contacts"]),
    ("SELECT id FROM contacts WHERE account_id IN (?, ?)", ["contacts"]),
    ("SELECT id FROM contacts WHERE account_id = account_id", ["contacts"]),
    ("SELECT id FROM contacts WHERE account_id = owner_id", ["contacts"]),
    ("SELECT id FROM contacts WHERE account_id = ? OR id = ?", ["contacts"]),
    ("SELECT id FROM contacts WHERE NOT account_id = ?", ["contacts"]),
    ("SELECT id, account_id = ? FROM contacts", ["contacts"]),
    ("SELECT c.id FROM contacts AS c JOIN taggings AS t ON t.contact_id = c.id WHERE c.account_id = ?", ["taggings"]),
    ("SELECT c.id FROM contacts AS c JOIN taggings AS t ON t.account_id = c.account_id", ["contacts", "taggings"]),
    ("SELECT c.id FROM contacts AS c LEFT JOIN taggings AS t ON c.account_id = ? AND t.account_id = ?", ["contacts"]),
    ("SELECT id FROM contacts AS c WHERE account_id = ? AND EXISTS (SELECT 1 FROM taggings AS t WHERE t.contact_id = c.id)", ["taggings"]),
    ("SELECT id FROM contacts WHERE account_id = (SELECT account_id FROM groups WHERE id = ?)", ["groups"]),
    ("WITH found AS (SELECT id FROM contacts) SELECT id FROM found", ["contacts"]),
    ("SELECT id FROM contacts WHERE account_id = ? UNION SELECT id FROM groups", ["groups"]),
    ("SELECT id FROM retired_sets WHERE id = ?", ["retired_sets"]),
    ("INSERT INTO contacts (email) VALUES (?)", ["contacts"]),
    ("INSERT INTO taggings (account_id, contact_id) SELECT account_id, id FROM contacts", ["contacts"]),
    ("INSERT INTO retired_sets (id) VALUES (?)", ["retired_sets"]),
    ("UPDATE contacts SET account_id = ? WHERE id = ?", ["contacts"]),
    ("UPDATE contacts SET email = g.name FROM groups AS g WHERE g.id = contacts.id AND contacts.account_id = ?", ["groups"]),
    ("DELETE FROM taggings", ["taggings"]),
    ("DELETE FROM taggings WHERE account_id + 1 = contact_id", ["taggings"]),
)


def tables_of(sql: str, dialect: str) -> list[str]:
    return sorted(found.table for found in StatementReader(dialect, COLUMNS).unscoped(normalised(sql)))


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
@pytest.mark.parametrize("sql", SCOPED)
def test_a_statement_names_the_account_of_each_table(sql: str, dialect: str) -> None:
    assert tables_of(sql, dialect) == []


@pytest.mark.parametrize("dialect", ["sqlite", "postgres"])
@pytest.mark.parametrize(("sql", "tables"), UNSCOPED)
def test_a_table_whose_account_is_not_named_is_found(sql: str, tables: list[str], dialect: str) -> None:
    assert tables_of(sql, dialect) == tables


def test_what_the_engines_say_in_words_of_their_own_is_understood() -> None:
    postgresql = """
        UPDATE groups AS g SET position = given.position
        FROM json_to_recordset($1::text::json) AS given(id bigint, account_id bigint, position bigint)
        WHERE g.id = given.id AND g.account_id = given.account_id RETURNING g.id
    """
    assert tables_of(postgresql, "postgres") == []
    assert tables_of(postgresql.replace("AND g.account_id = given.account_id", ""), "postgres") == ["groups"]
    locking = "SELECT id FROM contacts WHERE account_id = $1 AND id = ANY($2::bigint[]) ORDER BY id FOR UPDATE OF contacts SKIP LOCKED"
    assert tables_of(locking, "postgres") == []


def test_an_open_block_is_shown_without_the_blocks_within_it() -> None:
    sql = "SELECT id FROM contacts WHERE id IN (SELECT contact_id FROM taggings WHERE account_id = ?)"
    (found,) = StatementReader("sqlite", COLUMNS).unscoped(normalised(sql))
    assert found.block == "SELECT id FROM contacts WHERE id IN (...)"


FIND, FIND_SCOPED = "SELECT id FROM tags WHERE id = ?", "SELECT id FROM tags WHERE account_id = ? AND id = ?"
OPEN = Unscoped("tags", "SELECT id FROM tags WHERE id = 0")


def test_a_run_fails_for_a_statement_that_is_not_listed() -> None:
    found = unscoped({FIND: "some.py, find", FIND_SCOPED: "other.py, find"}, "sqlite")
    assert found == {OPEN: "some.py, find"}
    assert judged(found, {}, whole=False).unlisted == found
    assert "some.py, find" in str(judged(found, {}, whole=False))
    assert judged(found, {OPEN: True}, whole=True) == ({}, frozenset())


def test_a_whole_run_fails_for_a_line_that_nothing_is_sent_for() -> None:
    found = unscoped({FIND_SCOPED: "some.py, find"}, "sqlite")
    assert judged(found, {OPEN: True}, whole=False).stale == frozenset()
    assert judged(found, {OPEN: True}, whole=True).stale == {OPEN}
    assert judged(found, {OPEN: False}, whole=True).stale == frozenset()


def test_a_statement_that_cannot_be_parsed_is_not_listed_either() -> None:
    assert [found.table for found in unscoped({"SELECT FROM WHERE": "some.py, find"}, "sqlite")] == ["unreadable"]


def test_statements_that_differ_in_values_alone_are_one() -> None:
    assert normalised("SELECT id FROM tags WHERE id IN ($1,$2)  LIMIT 10") == normalised("SELECT id FROM tags WHERE id IN ($1) LIMIT 5")
    assert normalised("SELECT '1, 1'") != normalised("SELECT '1'")
    assert normalised("WHERE account_id = ? AND 1 = 1") == "WHERE account_id = 0 AND 0 = 0"


@pytest.mark.parametrize("engine_of_list", ["sqlite", "postgresql"])
def test_every_line_of_a_list_is_about_a_table_of_accounts(engine_of_list: str) -> None:
    assert {table for table, _ in listed(engine_of_list)} <= set(account_columns())


async def test_what_tests_send_themselves_is_not_recorded(database: Database) -> None:
    recorder = StatementRecorder()
    with recorder.recording():
        await database.rows("SELECT 17 AS sent_by_a_test")
    assert recorder.senders == {}


async def test_what_the_program_sends_is_recorded_with_its_sender(database: Database) -> None:
    recorder = StatementRecorder()
    with recorder.recording():
        await start(database, NOON)
    assert {sender.partition(",")[0] for sender in recorder.senders.values()} == {"resolvers/membership/clock.py"}
