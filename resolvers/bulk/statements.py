"""The raw SQL of bulk actions: the queue, the inverses, and the reading and writing of many contacts at once."""

from collections.abc import Mapping

from models.engine.statement import Engine
from models.orm.numbers import ELEMENTS
from resolvers.records.contact_table import COLUMNS, TYPES, VALUE_TYPES
from resolvers.values.custom_values import VALUE_COLUMNS

VALUES = ", ".join(VALUE_COLUMNS)


def declared(types: Mapping[str, str]) -> str:
    """Column definitions for `ROWS`."""
    return ", ".join(f"{name} {kind}" for name, kind in types.items())


# ---------------------------------------------------------------- the queue of bulk actions

# Of all accounts: actions of every account take turns.
UNFINISHED = """
    SELECT id, account_id, worked_at FROM bulk_actions WHERE state IN ('QUEUED', 'RUNNING') ORDER BY worked_at, id LIMIT 1000
"""
ACTION_TO_WORK = """
    SELECT id, account_id, target, change, position, started_by_id, undoes_id FROM bulk_actions
    WHERE id = :id AND account_id = :account AND state IN ('QUEUED', 'RUNNING')
"""
LOCK_ACTION_TO_WORK = """
    SELECT id FROM bulk_actions WHERE id = :id AND account_id = :account AND position = :position AND state IN ('QUEUED', 'RUNNING')
"""
LOCK_ACTION = "SELECT id FROM bulk_actions WHERE id = :id AND account_id = :account"
ADVANCE_ACTION = """
    UPDATE bulk_actions SET state = :state, position = :position, processed = processed + :reached, changed = changed + :changed,
    kept = kept + :kept, total = CASE WHEN processed + :reached > total THEN processed + :reached ELSE total END,
    started_at = coalesce(started_at, :at), worked_at = :at, finished_at = :finished WHERE id = :id AND account_id = :account
"""
POSTPONE_ACTION = "UPDATE bulk_actions SET worked_at = :at WHERE id = :id AND account_id = :account"
FAIL_ACTION = """
    UPDATE bulk_actions SET state = 'FAILED', finished_at = :at,
    error = CAST(:reason AS text) || ' Stopped after ' || processed || ' of ' || total || ' contacts.'
    WHERE id = :id AND account_id = :account AND state IN ('QUEUED', 'RUNNING')
"""
CANCEL_ACTION = """
    UPDATE bulk_actions SET state = 'CANCELLED', finished_at = :at
    WHERE id = :id AND account_id = :account AND state IN ('QUEUED', 'RUNNING')
"""
# SQLite has no row locks: a transaction that writes is alone.
FOR_UPDATE: Mapping[Engine, str] = {"sqlite": "", "postgresql": " FOR NO KEY UPDATE"}
FOR_UPDATE_SKIP_LOCKED: Mapping[Engine, str] = {"sqlite": "", "postgresql": " FOR NO KEY UPDATE SKIP LOCKED"}

# ---------------------------------------------------------------- inverses: what it takes to undo each chunk

STORE_INVERSE = """
    INSERT INTO bulk_inverses (account_id, action_id, position, contacts, inverse)
    VALUES (:account, :action, :position, :contacts, :inverse)
"""
TAKE_INVERSE = """
    DELETE FROM bulk_inverses WHERE id = (
        SELECT id FROM bulk_inverses WHERE account_id = :account AND action_id = :action ORDER BY position LIMIT 1
    ) RETURNING position, contacts, inverse
"""
UNDOABLE_CONTACTS = "SELECT coalesce(sum(contacts), 0) AS n FROM bulk_inverses WHERE account_id = :account AND action_id = :action"
# Of all accounts. Inverses that an undo is using stay until it has ended.
PRUNE_INVERSES = """
    DELETE FROM bulk_inverses WHERE action_id IN (SELECT id FROM bulk_actions WHERE finished_at < :before)
    AND action_id NOT IN (SELECT undoes_id FROM bulk_actions WHERE state IN ('QUEUED', 'RUNNING') AND undoes_id IS NOT NULL)
"""

# ---------------------------------------------------------------- what an action refers to

# Groups come without their names, because readers of an error message may not be permitted to see them.
EXISTING_NEEDS = """
    SELECT 'tag' AS kind, id, name FROM tags WHERE account_id = :account AND id = ANY(:tag)
    UNION ALL SELECT 'custom', id, label FROM custom_fields WHERE account_id = :account AND id = ANY(:custom)
    UNION ALL SELECT 'group', id, '' FROM groups WHERE account_id = :account AND id = ANY(:group)
"""
COUNT_CONTACTS = "SELECT count(*) AS n FROM contacts WHERE account_id = :account AND id = ANY(:ids)"
EXISTING_FIELDS = "SELECT id FROM custom_fields WHERE account_id = :account AND id = ANY(:fields)"
TAKEN_EMAILS = """
    SELECT email_folded FROM contacts WHERE account_id = :account
    AND email_folded IN (SELECT email FROM ROWS(:emails AS wanted(email text)))
"""

# ---------------------------------------------------------------- dry runs: joins and leaves of a chunk that is rolled back

LAST_EVENT = "SELECT coalesce(max(id), 0) AS id FROM group_events"
EVENTS_SINCE = """
    SELECT group_id, record_type, joined, "left" AS leaving FROM group_events JOIN groups ON groups.id = group_id
    WHERE group_events.account_id = :account AND groups.account_id + 0 = :account
    AND group_events.id > :last AND group_id = ANY(:groups)
"""
# `account_id + 0` keeps SQLite from walking the account instead of looking up rows by contact or group.
OWNED_IDS = "SELECT id FROM {table} WHERE account_id + 0 = :account AND contact_id = ANY(:contacts)"

# ---------------------------------------------------------------- tags

# Contacts are looked up one by one: given a join, PostgreSQL would read all contacts.
_ADD_TAGGINGS = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT tags.account_id, CAST(element.value AS bigint), tags.id, CAST(:at AS bigint), CAST(:actor AS bigint)
    FROM ROWS(:lists AS list(tag_id bigint, ids text)) JOIN tags ON tags.id = list.tag_id CROSS JOIN {elements}
    WHERE tags.account_id = :account AND (SELECT account_id FROM contacts WHERE id = CAST(element.value AS bigint)) = :account
    ON CONFLICT (contact_id, tag_id) DO NOTHING
"""
# On SQLite, RETURNING would make a row for each tagging. The ids of taggings only grow, so that the new ones can be selected as lists.
LAST_TAGGING = "SELECT coalesce(max(id), 0) AS id FROM taggings"
ADD_TAGGINGS_ON_SQLITE = (
    _ADD_TAGGINGS.format(elements=ELEMENTS["sqlite"]),
    """
    SELECT tag_id AS key, json_group_array(contact_id) AS ids FROM taggings
    WHERE account_id = :account AND tag_id = ANY(:tags) AND tagged_at = :at AND id > :last GROUP BY tag_id
    """,
)
ADD_TAGGINGS_ON_POSTGRESQL = f"""
    WITH added AS ({_ADD_TAGGINGS.format(elements=ELEMENTS["postgresql"])} RETURNING tag_id, contact_id)
    SELECT tag_id AS key, array_agg(contact_id) AS ids FROM added GROUP BY tag_id
"""  # noqa: S608  # a statement of our own
REMOVE_TAGGINGS = """
    DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id = ANY(:tags)
    RETURNING contact_id, tag_id, tagged_at, tagged_by_id
"""
# `tag_id + 0` keeps both engines from walking all taggings of a tag: the contacts are fewer.
TAGGED_AT = """
    SELECT contact_id AS id FROM taggings
    WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id + 0 = :tag AND tagged_at = :at
"""
REMOVE_TAG = "DELETE FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts) AND tag_id + 0 = :tag"
RESTORE_TAGGINGS = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT tags.account_id, given.contact_id, tags.id, given.tagged_at, users.id
    FROM ROWS(:taggings AS given(contact_id bigint, tag_id bigint, tagged_at bigint, tagged_by_id bigint))
    JOIN tags ON tags.id = given.tag_id AND tags.account_id + 0 = :account
    LEFT JOIN users ON users.id = given.tagged_by_id AND users.account_id + 0 = :account
    WHERE true ON CONFLICT (contact_id, tag_id) DO NOTHING RETURNING contact_id, tag_id
"""

# ---------------------------------------------------------------- deleted contacts and what belonged to them

READ_TAGGINGS = """
    SELECT contact_id, tag_id, tagged_at, tagged_by_id FROM taggings WHERE account_id = :account AND contact_id = ANY(:contacts)
"""
READ_OWNED = "SELECT id, contact_id, {columns} FROM {table} WHERE account_id + 0 = :account AND contact_id = ANY(:contacts)"
READ_VALUES = f"""
    SELECT contact_id, field_id, ordinal, {VALUES} FROM custom_values WHERE account_id = :account AND contact_id = ANY(:contacts)
"""  # noqa: S608  # columns of ours
# An owner that was deleted meanwhile becomes null.
_RESTORED_COLUMNS = COLUMNS.replace("owner_id", "(SELECT id FROM users WHERE account_id = :account AND id = given.owner_id)")
RESTORE_CONTACTS = f"""
    INSERT INTO contacts (id, account_id, {COLUMNS})
    SELECT id, CAST(:account AS bigint), {_RESTORED_COLUMNS}
    FROM ROWS(:contacts AS given(id bigint, {declared(TYPES)})) WHERE true
"""  # noqa: S608  # columns of ours
RESTORE_OWNED = """
    INSERT INTO {table} (account_id, id, contact_id, {columns}) SELECT CAST(:account AS bigint), id, contact_id, {columns}
    FROM ROWS(:records AS given(id bigint, contact_id bigint, {types})) WHERE true
"""
RESTORE_VALUES = f"""
    INSERT INTO custom_values (account_id, contact_id, field_id, ordinal, {VALUES})
    SELECT CAST(:account AS bigint), contact_id, field_id, ordinal, {VALUES}
    FROM ROWS(:given AS given(contact_id bigint, field_id bigint, ordinal int, {VALUE_TYPES})) WHERE true
"""  # noqa: S608  # columns of ours
