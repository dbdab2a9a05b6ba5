"""The raw SQL of the journal: heads and entries of the logs, sets of members, and what is deleted from both after a while."""

from collections.abc import Mapping

from models.engine.statement import Engine

# ---------------------------------------------------------------- joins and leaves of one write: heads, entries and members

# Heads are advanced by differences, and entries say how far before the end of the log they stand: so the end of the log need not
# be read first. `account_id + 0` keeps SQLite from going through all groups of the account.
_ADVANCE = """
    UPDATE groups SET position = groups.position + step.entries, version = groups.version + step.flips,
                      member_count = groups.member_count + step.growth
    FROM ROWS(:steps AS step(id bigint, entries bigint, flips bigint, growth bigint)) {locked}
    WHERE groups.id = step.id AND groups.account_id + 0 = :account
    RETURNING groups.id AS id, groups.account_id AS account_id, members_id, replaces_id, epoch, position, version, member_count
"""
_LOG = """
    INSERT INTO group_events (account_id, group_id, epoch, position, kind, from_version, to_version, member_count,
                              cause, joined, "left", occurred_at)
    SELECT CAST(:account AS bigint), head.id, head.epoch, head.position - entries_after, kind, head.version - flips_after - flips,
           head.version - flips_after, head.member_count - growth_after, CAST(:cause AS text), joined, leaving, CAST(:at AS bigint)
    FROM ROWS(:entries AS entry(group_id bigint, kind text, entries_after bigint, flips bigint, flips_after bigint,
                                growth_after bigint, joined text, leaving text)) JOIN {heads} AS head ON head.id = group_id
"""
# In a hidden group that is being built, present members of the group that it replaces keep the time at which they joined.
_JOIN = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT own.account_id, own.members_id, member.record_id, coalesce((
        SELECT stays.joined_at FROM groups AS present JOIN group_members AS stays ON stays.set_id = present.members_id
        WHERE present.id = own.replaces_id AND stays.record_id = member.record_id
    ), CAST(:at AS bigint))
    FROM ROWS(:joined AS member(group_id bigint, record_id bigint)) JOIN {heads} AS own ON own.id = member.group_id
"""
_LEAVE = """
    DELETE FROM group_members WHERE (set_id, record_id) IN
    (SELECT members_id, record_id FROM ROWS(:left AS member(group_id bigint, record_id bigint)) JOIN {heads} AS own ON own.id = group_id)
"""
# Where members are stored without the log, the groups are looked up.
JOIN_ALONE, LEAVE_ALONE = _JOIN.format(heads="groups"), _LEAVE.format(heads="groups")
# Locked in ascending order, so that concurrent writers cannot deadlock.
LOCKED_GROUPS = """
    JOIN (SELECT id FROM groups WHERE account_id + 0 = :account AND id = ANY(:ids) ORDER BY id FOR NO KEY UPDATE) AS locked
    ON locked.id = step.id
"""
_HEADS = f"WITH head AS ({_ADVANCE.format(locked=LOCKED_GROUPS)}), logged AS ({_LOG.format(heads='head')})"
RECORD: Mapping[Engine, tuple[str, ...]] = {
    "sqlite": (_ADVANCE.format(locked=""), _LOG.format(heads="groups")),
    "postgresql": (f"{_HEADS} SELECT id FROM head",),  # noqa: S608  # statements of our own
}
APPEND: Mapping[Engine, tuple[str, ...]] = {
    "sqlite": (*RECORD["sqlite"], JOIN_ALONE, LEAVE_ALONE),
    "postgresql": (
        f"{_HEADS}, joins AS ({_JOIN.format(heads='head')}), leaves AS ({_LEAVE.format(heads='head')}) SELECT id FROM head",  # noqa: S608  # ours
    ),
}

# ---------------------------------------------------------------- many joins and leaves at once: ids travel as lists

# A set that is growing has no statistics yet. PostgreSQL would expect each record to be in many sets, and read the whole set for every
# chunk: OFFSET 0 makes it look up one record after the other in an index.
MEMBERS_AMONG: Mapping[Engine, str] = {
    "sqlite": "SELECT set_id, record_id AS id FROM group_members WHERE record_id = ANY(:records) AND set_id + 0 = ANY(:sets)",
    "postgresql": """
        SELECT set_id, given.id FROM unnest(CAST(:records AS bigint[])) AS given(id) CROSS JOIN LATERAL
        (SELECT set_id FROM group_members WHERE record_id = given.id AND set_id + 0 = ANY(:sets) OFFSET 0) AS found
    """,
}
JOIN_LISTS = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT CAST(:account AS bigint), list.set_id, CAST(element.value AS bigint), CAST(:at AS bigint)
    FROM ROWS(:lists AS list(set_id bigint, ids text)) CROSS JOIN {elements}
"""
LEAVE_LISTS: Mapping[Engine, str] = {
    "sqlite": """
        DELETE FROM group_members WHERE id IN
        (SELECT member.id FROM ROWS(:lists AS list(set_id bigint, ids text)) CROSS JOIN {elements} CROSS JOIN group_members AS member
         WHERE member.record_id = CAST(element.value AS bigint) AND member.set_id = list.set_id)
    """,
    "postgresql": """
        DELETE FROM group_members WHERE id = ANY(ARRAY
        (SELECT member.id FROM ROWS(:lists AS list(set_id bigint, ids text)) CROSS JOIN {elements} CROSS JOIN LATERAL
         (SELECT id FROM group_members WHERE record_id = CAST(element.value AS bigint) AND set_id = list.set_id OFFSET 0) AS member))
    """,
}

# ---------------------------------------------------------------- retention, of all accounts

# Up to the first entry that stays: a write that began earlier may have been logged later.
DELETE_EXPIRED = """
    DELETE FROM group_events WHERE id IN (
        SELECT event.id FROM group_events AS event LEFT JOIN (
            SELECT group_id, epoch, min(position) AS position FROM group_events WHERE occurred_at >= :before GROUP BY group_id, epoch
        ) AS stays ON stays.group_id = event.group_id AND stays.epoch = event.epoch
        WHERE event.occurred_at < :before AND (stays.position IS NULL OR event.position < stays.position)
    )
"""
DELETE_SURPLUS = """
    DELETE FROM group_events WHERE id IN (
        SELECT event.id FROM group_events AS event JOIN groups ON groups.id = event.group_id
        WHERE event.epoch <> groups.epoch OR event.position <= groups.position - :keep
    )
"""
RETIRED_SETS = "SELECT id FROM retired_sets ORDER BY id"
DELETE_MEMBERS = "DELETE FROM group_members WHERE id IN (SELECT id FROM group_members WHERE set_id = :set_id LIMIT :most) RETURNING id"
DELETE_RETIRED_SET = "DELETE FROM retired_sets WHERE id = :set_id"
RETIRE_NO_SET = "INSERT INTO retired_sets (id) VALUES (0)"  # no group has this set
DELETE_NO_SET = "DELETE FROM retired_sets WHERE id = 0"
