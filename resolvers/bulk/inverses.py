"""What it takes to undo bulk actions, kept chunk by chunk for a while."""

import zlib
from datetime import datetime
from typing import NamedTuple

import orjson

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.bulk.outcome import Document, Outcome
from resolvers.membership.change import Change

FAST = 1  # of zlib's levels: the texts repeat themselves so much that higher ones gain little

KEEP = """
    INSERT INTO bulk_inverses (account_id, action_id, position, contacts, inverse)
    VALUES (:account, :action, :position, :contacts, :inverse)
"""
TAKE = """
    DELETE FROM bulk_inverses WHERE id = (SELECT id FROM bulk_inverses WHERE action_id = :action ORDER BY position LIMIT 1)
    RETURNING position, contacts, inverse
"""
CONTACTS = "SELECT coalesce(sum(contacts), 0) AS n FROM bulk_inverses WHERE action_id = :action"
PRUNE = """
    DELETE FROM bulk_inverses WHERE action_id IN (SELECT id FROM bulk_actions WHERE finished_at < :before)
    AND action_id NOT IN (SELECT undoes_id FROM bulk_actions WHERE state IN ('QUEUED', 'RUNNING') AND undoes_id IS NOT NULL)
"""


class Kept(NamedTuple):
    """What undoes one chunk."""

    position: int
    contacts: int
    inverse: Document


async def keep(change: Change, action_id: int, position: int, outcome: Outcome) -> None:
    """Remember how to undo the chunk that ended at this position."""
    await change.database.rows(
        KEEP,
        account=change.account_id,
        action=action_id,
        position=position,
        contacts=outcome.changed,
        inverse=zlib.compress(orjson.dumps(outcome.inverse), FAST),
    )


async def use_up(change: Change, action_id: int) -> Kept | None:
    """What undoes the first chunk that has not been undone yet; it can be taken once."""
    for row in await change.database.rows(TAKE, action=action_id):
        return Kept(row["position"], row["contacts"], orjson.loads(zlib.decompress(row["inverse"])))
    return None


async def contacts_kept(database: Database, action_id: int) -> int:
    """For how many contacts an action can still be undone."""
    return int((await database.row(CONTACTS, action=action_id))["n"])


async def prune(database: Database, *, before: datetime) -> None:
    """Forget how to undo what ended before this moment, unless it is being undone."""
    await database.rows(PRUNE, before=to_microseconds(before))
