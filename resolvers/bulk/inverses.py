"""Storing what it takes to undo bulk actions, chunk by chunk, for a limited time."""

import zlib
from datetime import datetime
from typing import NamedTuple

import orjson

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.bulk.bulk_change import Document, Outcome
from resolvers.bulk.statements import PRUNE_INVERSES, STORE_INVERSE, TAKE_INVERSE, UNDOABLE_CONTACTS
from resolvers.membership.change import Change

COMPRESSION = 1  # the fastest of zlib's levels: the texts repeat themselves so much that higher ones gain little


class StoredInverse(NamedTuple):
    """What undoes one chunk: the last contact that the chunk reached, how many contacts it changed, and how to undo that."""

    position: int
    contacts: int
    inverse: Document


async def store_inverse(change: Change, action_id: int, position: int, outcome: Outcome) -> None:
    """Store how to undo the chunk that ended at the contact `position`."""
    await change.database.rows(
        STORE_INVERSE,
        account=change.account_id,
        action=action_id,
        position=position,
        contacts=outcome.changed,
        inverse=zlib.compress(orjson.dumps(outcome.inverse), COMPRESSION),
    )


async def take_inverse(change: Change, action_id: int) -> StoredInverse | None:
    """Remove and return the inverse of the first chunk that has not been undone yet."""
    for row in await change.database.rows(TAKE_INVERSE, account=change.account_id, action=action_id):
        return StoredInverse(row["position"], row["contacts"], orjson.loads(zlib.decompress(row["inverse"])))
    return None


async def undoable_contacts(database: Database, account_id: int, action_id: int) -> int:
    """The number of contacts for which an action can still be undone."""
    return int((await database.row(UNDOABLE_CONTACTS, account=account_id, action=action_id))["n"])


async def prune(database: Database, *, before: datetime) -> None:
    """Delete the inverses of actions that ended before this moment, unless they are being undone."""
    await database.rows(PRUNE_INVERSES, before=to_microseconds(before))
