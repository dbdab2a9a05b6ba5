"""The raw SQL of rebuilding: hidden groups that are being built, their scan over all contacts, and their swap with the present groups.

`account_id + 0` keeps SQLite from going through all groups of the account instead of looking up those that are named by id.
"""

from collections.abc import Mapping

from models.engine.statement import Engine
from resolvers.membership.journal.statements import LOCKED_GROUPS

# ---------------------------------------------------------------- builds: hidden groups

BUILDS = """
    SELECT build.id, build.replaces_id AS group_id, build.criteria, groups.criteria AS present, groups.members_id
    FROM groups AS build JOIN groups ON groups.id = build.replaces_id AND groups.account_id + 0 = :account
    WHERE build.account_id = :account ORDER BY build.id
"""
CREATE_BUILDS = """
    INSERT INTO groups (account_id, name, name_folded, record_type, criteria, "view", edit, state, epoch, position, version,
                        definition_version, member_count, replaces_id, created_at, updated_at)
    SELECT account_id, name, name_folded, record_type, criteria, '', '', 'BUILDING', CAST(:epoch AS text), 0, 0, 0, 0, id,
           CAST(:at AS bigint), CAST(:at AS bigint)
    FROM groups WHERE account_id + 0 = :account AND id = ANY(:ids) ORDER BY id RETURNING id, replaces_id, criteria
"""
DEFINE_BUILDS = """
    UPDATE groups SET members_id = groups.id, criteria = build.criteria
    FROM ROWS(:builds AS build(id bigint, criteria text)) WHERE groups.id = build.id AND groups.account_id + 0 = :account
"""
SET_STATES = """
    UPDATE groups SET state = CASE WHEN id = ANY(:building) THEN 'BUILDING' ELSE 'READY' END
    WHERE account_id = :account AND replaces_id IS NULL AND (state = 'BUILDING' OR id = ANY(:building))
"""
RETIRE_MEMBERS = """
    INSERT INTO retired_sets (id) SELECT members_id FROM groups WHERE account_id + 0 = :account AND id = ANY(:ids) AND members_id <> 0
"""
DELETE_LOGS = "DELETE FROM group_events WHERE account_id = :account AND group_id = ANY(:ids)"
DELETE_GROUPS = "DELETE FROM groups WHERE account_id + 0 = :account AND id = ANY(:ids)"

# ---------------------------------------------------------------- the scan of all contacts

SCANNED_TO = "SELECT min(scanned_to) AS contact_id FROM groups WHERE account_id + 0 = :account AND id = ANY(:ids)"
_LOCK_NEXT = "SELECT id FROM contacts WHERE account_id = :account AND id > :after ORDER BY id LIMIT :chunk"
LOCK_NEXT: Mapping[Engine, str] = {"sqlite": _LOCK_NEXT, "postgresql": f"{_LOCK_NEXT} FOR NO KEY UPDATE"}
_ADVANCE_SCAN = """
    UPDATE groups SET scanned_to = :contact_id, member_count = member_count + step.joined - step.gone
    FROM ROWS(:steps AS step(id bigint, joined bigint, gone bigint)) {locked}
    WHERE groups.id = step.id AND groups.account_id + 0 = :account
"""
ADVANCE_SCAN: Mapping[Engine, str] = {"sqlite": _ADVANCE_SCAN.format(locked=""), "postgresql": _ADVANCE_SCAN.format(locked=LOCKED_GROUPS)}

# ---------------------------------------------------------------- the swap

HEADS = "SELECT id, epoch, position, member_count, members_id FROM groups WHERE account_id + 0 = :account AND id = ANY(:ids)"
# A new set has no statistics yet: EXCEPT is quick without them.
MISSING = """
    SELECT record_id AS id FROM group_members WHERE set_id = :one
    EXCEPT SELECT record_id FROM group_members WHERE set_id = :other LIMIT :most
"""
EVENTS_SINCE = """
    SELECT joined, "left" FROM group_events
    WHERE account_id = :account AND group_id = :group_id AND epoch = :epoch AND position > :position
"""
MEMBERS_AMONG = "SELECT record_id FROM group_members WHERE set_id = :set_id AND record_id = ANY(:ids)"
SWAP = """
    UPDATE groups SET members_id = swap.members_id, criteria = swap.criteria, state = 'READY', updated_at = CAST(:at AS bigint)
    FROM ROWS(:swaps AS swap(id bigint, members_id bigint, criteria text)) WHERE groups.id = swap.id AND groups.account_id + 0 = :account
"""
BEGIN_EPOCH = """
    UPDATE groups SET epoch = :epoch, position = 0, version = 0, member_count = :member_count WHERE id = :group_id AND account_id = :account
"""
BEGIN_COUNTED_EPOCH = """
    UPDATE groups SET epoch = :epoch, position = 0, version = 0, updated_at = :at,
    member_count = (SELECT count(*) FROM group_members WHERE set_id = groups.members_id)
    WHERE id = :group_id AND account_id = :account
"""
