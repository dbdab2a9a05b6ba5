"""An account for bulk actions: contacts in classes of a known size, and scenes, each a tag with the groups that it moves contacts into."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

import orjson

from bench.dataset import Batch
from models.audience import EVERYONE
from models.engine.database import Database
from models.ids import to_global_id

ACCOUNT, OTHER_ACCOUNT = 1, 2  # the groups of what is done by hand are the other account's, so that nobody settles them
USER = 1
AT = 1_780_000_000_000_000
PART = 20_000
OTHER_TAGS = 100
FURTHER_TAGS = 2  # of each contact
SCORES = 100
SEED = 11
NAMES = ("Ann", "Bob", "Cem", "Dina", "Eva", "Finn", "Gia", "Hugo")
COUNTRIES = ("Canada", "Mexico", "Germany", "France", "Brazil", "India", "Spain", "Italy")

TAG = """
    INSERT INTO tags (account_id, name, name_folded, created_at, updated_at)
    VALUES (:account, :name, :name, :at, :at) RETURNING id
"""
GROUPS = """
    INSERT INTO groups (account_id, name, name_folded, record_type, criteria, view, edit, owner_id, epoch, position, version, member_count,
                        scanned_to, state, definition_version, created_at, updated_at)
    SELECT CAST(:account AS bigint), 'Group', 'group', 'CONTACT', criteria, CAST(:marks AS text), CAST(:marks AS text),
           CAST(:owner AS bigint), '0000000000000000', 0, 0, 0, 0, 'READY', CAST(:version AS bigint),
           CAST(:at AS bigint), CAST(:at AS bigint)
    FROM ROWS(:groups AS given(criteria text)) WHERE true RETURNING id
"""
SETS = "UPDATE groups SET members_id = id WHERE members_id = 0"
BUMP = "UPDATE accounts SET definitions_version = definitions_version + 1 WHERE id = :account RETURNING definitions_version"


class Scene(NamedTuple):
    """A tag that nobody carries yet, and groups that are empty until somebody does, each for a score below a bound."""

    account_id: int
    tag_id: int
    groups: dict[int, int]  # the bounds by group


def classes(contacts: int) -> dict[int, int]:
    """For each number of contacts of which there is a class of exactly so many: every how many-th contact is in it."""
    return {size: contacts // size for size in (1_000, 10_000, 100_000, 1_000_000) if size <= contacts}


def batches(contacts: int) -> Iterator[Batch]:
    """All rows, tables that others refer to first."""
    stamps = (AT, AT)
    accounts = [(number, f"Account {number}", "UTC", 1, *stamps) for number in (ACCOUNT, OTHER_ACCOUNT)]
    yield Batch("accounts", ("id", "name", "timezone", "definitions_version", "created_at", "updated_at"), accounts)
    users = [(USER, ACCOUNT, "User", "u@example.com", "u@example.com", "OWNER", *stamps)]
    yield Batch("users", ("id", "account_id", "name", "email", "email_folded", "role", "created_at", "updated_at"), users)
    tags = [(number, ACCOUNT, f"Tag {number}", f"tag {number}", *stamps) for number in range(1, OTHER_TAGS + 1)]
    yield Batch("tags", ("id", "account_id", "name", "name_folded", "created_at", "updated_at"), tags)
    chance = random.Random(SEED)
    for start in range(1, contacts + 1, PART):
        numbers = range(start, min(start + PART, contacts + 1))
        yield _contacts(numbers, contacts)
        rows = [(ACCOUNT, n, tag, AT) for n in numbers for tag in chance.sample(range(1, OTHER_TAGS + 1), FURTHER_TAGS)]
        yield Batch("taggings", ("account_id", "contact_id", "tag_id", "tagged_at"), rows)


def _contacts(numbers: range, contacts: int) -> Batch:
    plain = ("email", "first_name", "country", "status")
    columns = ("id", "account_id", *plain, *(f"{name}_folded" for name in plain), "score", "spent", "created_at", "updated_at")
    steps = classes(contacts)
    rows = []
    for n in numbers:
        # Scattered by a multiplication, so that neither names nor scores go with the classes.
        drawn = n * 2_654_435_761 >> 7
        texts = (f"c{n}@example.com", NAMES[drawn % 8], COUNTRIES[drawn // 8 % 8], _class(n, steps))
        rows.append((n, ACCOUNT, *texts, *(text.lower() for text in texts), drawn // 64 % SCORES, drawn % 10_000, AT, AT))
    return Batch("contacts", columns, rows)


def _class(number: int, steps: dict[int, int]) -> str:
    return f"s{next((size for size, step in steps.items() if number % step == 0), 0)}"


def statuses(size: int, contacts: int) -> list[str]:
    """The statuses that this many contacts have."""
    return [f"s{each}" for each in classes(contacts) if each <= size]


async def new_scene(database: Database, account_id: int, bounds: list[int]) -> Scene:
    """A tag, and a group for each bound."""
    version = (await database.row(BUMP, account=account_id))["definitions_version"]
    values = {"account": account_id, "at": AT, "owner": USER, "marks": EVERYONE.marks(), "version": version}
    tag_id = (await database.row(TAG, name=f"scene {account_id} {version}", account=ACCOUNT, at=AT))["id"]
    rows = await database.rows(GROUPS, groups=[{"criteria": _criteria(tag_id, bound)} for bound in bounds], **values) if bounds else []
    await database.rows(SETS)
    return Scene(account_id, tag_id, dict(zip(sorted(row["id"] for row in rows), bounds, strict=True)))


def _criteria(tag_id: int, bound: int) -> str:
    tagged: dict[str, Any] = {"tags": {"containsAny": [{"id": to_global_id("Tag", tag_id)}]}}
    low: dict[str, Any] = {"score": {"lessThan": bound}}
    return orjson.dumps({"contacts": {"all": [tagged, low]}}).decode()
