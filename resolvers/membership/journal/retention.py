"""Deleting what is no longer needed: old entries of logs, and the members of retired sets."""

from datetime import datetime

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.membership.journal.statements import (
    DELETE_EXPIRED,
    DELETE_MEMBERS,
    DELETE_NO_SET,
    DELETE_RETIRED_SET,
    DELETE_SURPLUS,
    RETIRE_NO_SET,
    RETIRED_SETS,
)

SWEPT_AT_ONCE = 5_000  # members


async def prune(database: Database, *, before: datetime, keep: int) -> None:
    """Delete entries older than `before`, all but the latest `keep` of each group, and those of ended epochs.

    What is left of a log has no gap.
    """
    await database.rows(DELETE_EXPIRED, before=to_microseconds(before))
    await database.rows(DELETE_SURPLUS, keep=keep)


async def sweep(database: Database) -> None:
    """Delete the members of retired sets, some at a time so that writers do not wait."""
    for row in await database.rows(RETIRED_SETS):
        while await database.rows(DELETE_MEMBERS, set_id=row["id"], most=SWEPT_AT_ONCE):
            pass
        await database.rows(DELETE_RETIRED_SET, set_id=row["id"])


async def write_and_erase(database: Database) -> None:
    """Write a row and delete it again, or raise `DatabaseNotWritable`.

    Updating a row with the values that it has would be no test, because SQLite then writes nothing.
    """
    async with database.transaction():
        await database.run(RETIRE_NO_SET, DELETE_NO_SET)
