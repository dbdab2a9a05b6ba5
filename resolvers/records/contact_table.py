"""SQL statements that read and write contacts and their values, tags and search terms, for any number of contacts at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import orjson

from models.engine.database import Rows
from models.engine.insertion import insert_rows
from models.engine.statement import Engine
from models.fields import to_microseconds
from models.records import CONTACT_TEXTS
from resolvers.membership.change import Change
from resolvers.values.custom_values import VALUE_COLUMNS, Cells

Stored = str | int | None
Pair = tuple[int, int]

TYPES = {
    **dict.fromkeys(CONTACT_TEXTS, "text"),
    **{f"{name}_folded": "text" for name in CONTACT_TEXTS},
    "phone_e164": "text",
    "score": "int",
    "spent": "bigint",
    "birthday": "int",
    "last_activity_at": "bigint",
    "owner_id": "bigint",
    "created_at": "bigint",
    "updated_at": "bigint",
}
COLUMNS = ", ".join(TYPES)
VALUE_TYPES = "text text, folded text, long_folded text, number bigint, day int, instant bigint, boolean boolean"

IDS_BY_EMAIL = """
    SELECT id FROM contacts WHERE account_id = :account
    AND email_folded IN (SELECT email FROM ROWS(:emails AS wanted(email text)))
"""
READ = f"SELECT id, {COLUMNS} FROM contacts WHERE account_id = :account AND id = ANY(:ids)"  # noqa: S608  # columns of ours
UPDATE = """
    UPDATE contacts SET {settings} FROM ROWS(:contacts AS given(id bigint, {columns}))
    WHERE contacts.id = given.id
"""
DELETE = "DELETE FROM contacts WHERE account_id = :account AND id = ANY(:ids)"

# Lists by contact: SQLite reads them in half the time of one row for each entry.
SPREAD: Mapping[Engine, str] = {
    "sqlite": "json_each(:lists) AS contact, json_each(contact.value) AS entry",
    "postgresql": "json_each(CAST(:lists AS json)) AS contact, json_array_elements_text(contact.value) AS entry(value)",
}
INSERT_TERMS = """
    INSERT INTO search_terms (account_id, contact_id, term)
    SELECT CAST(:account AS bigint), CAST(contact.key AS bigint), entry.value FROM {spread} WHERE true ON CONFLICT DO NOTHING
"""
DELETE_TERMS = """
    DELETE FROM search_terms WHERE (contact_id, term) IN
    (SELECT contact_id, term FROM ROWS(:terms AS gone(contact_id bigint, term text)))
"""

READ_VALUES = f"""
    SELECT contact_id, field_id, {", ".join(VALUE_COLUMNS)} FROM custom_values
    WHERE account_id = :account AND contact_id = ANY(:contacts) AND field_id = ANY(:fields) ORDER BY contact_id, field_id, ordinal
"""  # noqa: S608  # columns of ours
INSERT_VALUES = f"""
    INSERT INTO custom_values (account_id, contact_id, field_id, ordinal, {", ".join(VALUE_COLUMNS)})
    SELECT account_id, contact_id, field_id, ordinal, {", ".join(VALUE_COLUMNS)}
    FROM ROWS(:given AS given(account_id bigint, contact_id bigint, field_id bigint, ordinal int, {VALUE_TYPES}))
"""  # noqa: S608  # columns of ours
DELETE_VALUES = """
    DELETE FROM custom_values WHERE account_id = :account AND (contact_id, field_id) IN
    (SELECT contact_id, field_id FROM ROWS(:gone AS gone(contact_id bigint, field_id bigint)))
"""

INSERT_TAGGINGS = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT CAST(:account AS bigint), CAST(contact.key AS bigint), CAST(entry.value AS bigint), CAST(:at AS bigint), CAST(:actor AS bigint)
    FROM {spread} WHERE true
"""
INSERT_MISSING_TAGGINGS = f"{INSERT_TAGGINGS} ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id"


async def ids_by_email(change: Change, emails: Iterable[str]) -> list[int]:
    """Return the ids of the contacts with one of these folded e-mail addresses."""
    wanted = [{"email": email} for email in sorted(set(emails))]
    return [row["id"] for row in await change.database.rows(IDS_BY_EMAIL, account=change.account_id, emails=wanted)] if wanted else []


async def read_locked(change: Change, contact_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Lock those of these contacts that exist until the write ends, and return their columns by id."""
    ids = sorted(set(contact_ids))
    if not ids or not await change.lock_contacts(ids):
        return {}
    # A separate statement sees what the earlier holders of the locks have committed.
    return {row.pop("id"): row for row in await change.database.rows(READ, account=change.account_id, ids=ids)}


async def insert_contacts(change: Change, contacts: Sequence[Mapping[str, Stored]]) -> list[int]:
    """Insert contacts with these columns, and return their ids in the same order."""
    if not contacts:
        return []
    # Columns without any value are left out, because nulls cost as much as values.
    names = [name for name in TYPES if any(contact[name] is not None for contact in contacts)]
    columns = {"account_id": "bigint"} | {name: TYPES[name] for name in names}
    values_of = itemgetter(*names)  # of several names, for the times are always among them: for a single name it would return no tuple
    return await insert_rows(change.database, "contacts", columns, [(change.account_id, *values_of(contact)) for contact in contacts])


def _typed(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {TYPES[name]}" for name in names)


async def update_contacts(change: Change, columns: Iterable[str], contacts: Mapping[int, Mapping[str, Stored]]) -> None:
    """Set these columns of each of these contacts."""
    names = sorted(columns)
    if names and contacts:
        statement = UPDATE.format(settings=", ".join(f"{name} = given.{name}" for name in names), columns=_typed(names))
        given = [{name: contact[name] for name in names} | {"id": contact_id} for contact_id, contact in contacts.items()]
        await change.database.rows(statement, contacts=given)


async def delete_contacts(change: Change, contact_ids: Sequence[int]) -> None:
    """Delete contacts with everything that belongs to them."""
    await change.database.rows(DELETE, account=change.account_id, ids=contact_ids)


async def replace_terms(change: Change, gone: Mapping[int, Collection[str]], added: Mapping[int, Collection[str]]) -> None:
    """Delete some search terms of contacts and insert others."""
    removed = [{"contact_id": contact_id, "term": term} for contact_id, terms in gone.items() for term in terms]
    if removed:
        await change.database.rows(DELETE_TERMS, terms=removed)
    await _spread(change, INSERT_TERMS, added)


async def _spread(change: Change, statement: str, entries: Mapping[int, Collection[int] | Collection[str]], **values: Any) -> Rows:
    """Run a statement over lists of entries by contact, unless all lists are empty."""
    lists = {contact_id: list(entries[contact_id]) for contact_id in sorted(entries) if entries[contact_id]}
    if not lists:
        return []
    given = orjson.dumps(lists, option=orjson.OPT_NON_STR_KEYS).decode()
    text = statement.format(spread=SPREAD[change.database.engine])
    return await change.database.rows(text, account=change.account_id, lists=given, **values)


async def read_values(change: Change, contact_ids: Iterable[int], field_ids: Iterable[int]) -> dict[Pair, list[Cells]]:
    """Return the stored values of custom fields, by contact and field."""
    found: defaultdict[Pair, list[Cells]] = defaultdict(list)
    given = {"account": change.account_id, "contacts": sorted(contact_ids), "fields": sorted(field_ids)}
    for row in await change.database.rows(READ_VALUES, **given):
        found[row["contact_id"], row["field_id"]].append({name: row[name] for name in VALUE_COLUMNS})
    return found


async def replace_values(change: Change, values: Mapping[Pair, Sequence[Cells]], known: Iterable[Pair]) -> None:
    """Replace the values of custom fields on contacts. `known` are the pairs of contact and field that had values before."""
    gone = [{"contact_id": contact_id, "field_id": field_id} for contact_id, field_id in known]
    if gone:
        await change.database.rows(DELETE_VALUES, account=change.account_id, gone=gone)
    given = [
        {**cells, "account_id": change.account_id, "contact_id": contact_id, "field_id": field_id, "ordinal": ordinal}
        for (contact_id, field_id), entries in values.items()
        for ordinal, cells in enumerate(entries)
    ]
    if given:
        await change.database.rows(INSERT_VALUES, given=given)


async def insert_taggings(change: Change, tag_ids: Mapping[int, Collection[int]]) -> list[Pair]:
    """Tag contacts, and return the new pairs of contact and tag."""
    rows = await _tag(change, INSERT_MISSING_TAGGINGS, tag_ids)
    return [(row["contact_id"], row["tag_id"]) for row in rows]


async def insert_first_taggings(change: Change, tag_ids: Mapping[int, Collection[int]]) -> None:
    """Tag new contacts, which carry no tag yet."""
    await _tag(change, INSERT_TAGGINGS, tag_ids)


async def _tag(change: Change, statement: str, tag_ids: Mapping[int, Collection[int]]) -> Rows:
    entries = {contact_id: sorted(ids) for contact_id, ids in tag_ids.items()}
    return await _spread(change, statement, entries, at=to_microseconds(change.at), actor=change.actor_id)
