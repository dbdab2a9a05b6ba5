"""Pruning the log: replay reaches back so far and no further."""

from datetime import datetime

from models.database import Database
from models.fields import to_microseconds

EXPIRED = "DELETE FROM group_events WHERE occurred_at < :before"
SURPLUS = """
    DELETE FROM group_events WHERE id IN (
        SELECT event.id FROM group_events AS event JOIN groups ON groups.id = event.group_id
        WHERE event.epoch <> groups.epoch OR event.position <= groups.position - :keep
    )
"""


async def prune(database: Database, *, before: datetime, keep: int) -> None:
    """Forget entries older than `before`, all but the latest `keep` of each group, and those of ended epochs."""
    await database.rows(EXPIRED, before=to_microseconds(before))
    await database.rows(SURPLUS, keep=keep)
