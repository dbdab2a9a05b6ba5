"""Pruning the log, which reaches back so far and no further, and sweeping away members that no group has any more."""

from datetime import datetime

from models.engine.database import Database
from models.fields import to_microseconds

# Up to the first entry that is to stay: a write that began earlier may have come to its place in the log later.
EXPIRED = """
    DELETE FROM group_events WHERE id IN (
        SELECT event.id FROM group_events AS event LEFT JOIN (
            SELECT group_id, epoch, min(position) AS position FROM group_events WHERE occurred_at >= :before GROUP BY group_id, epoch
        ) AS stays ON stays.group_id = event.group_id AND stays.epoch = event.epoch
        WHERE event.occurred_at < :before AND (stays.position IS NULL OR event.position < stays.position)
    )
"""
SURPLUS = """
    DELETE FROM group_events WHERE id IN (
        SELECT event.id FROM group_events AS event JOIN groups ON groups.id = event.group_id
        WHERE event.epoch <> groups.epoch OR event.position <= groups.position - :keep
    )
"""
RETIRED = "SELECT id FROM retired_sets ORDER BY id"
SWEEP = "DELETE FROM group_members WHERE id IN (SELECT id FROM group_members WHERE set_id = :set_id LIMIT :most) RETURNING id"
SWEPT = "DELETE FROM retired_sets WHERE id = :set_id"
RETIRE_NONE = "INSERT INTO retired_sets (id) VALUES (0)"  # no group has this set
RETAIN_NONE = "DELETE FROM retired_sets WHERE id = 0"

SWEPT_AT_ONCE = 5_000


async def prune(database: Database, *, before: datetime, keep: int) -> None:
    """Forget entries older than `before`, all but the latest `keep` of each group, and those of ended epochs.

    What is left of a log has no gap.
    """
    await database.rows(EXPIRED, before=to_microseconds(before))
    await database.rows(SURPLUS, keep=keep)


async def sweep(database: Database) -> None:
    """Delete the members of retired sets, some at a time so that nobody waits for it."""
    for row in await database.rows(RETIRED):
        while await database.rows(SWEEP, set_id=row["id"], most=SWEPT_AT_ONCE):
            pass
        await database.rows(SWEPT, set_id=row["id"])


async def write_and_erase(database: Database) -> None:
    """Write a row and delete it again, or raise `DatabaseNotWritable`.

    Updating a row with the values that it has would be no test, because SQLite then writes nothing.
    """
    async with database.transaction():
        await database.run(RETIRE_NONE, RETAIN_NONE)
