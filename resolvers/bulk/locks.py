"""Locking a chunk's contacts."""

from collections.abc import Collection

from models.orm.numbers import numbers
from resolvers.membership.change import LOCK, Change


async def lock(change: Change, contact_ids: Collection[int]) -> set[int]:
    """Lock these contacts, ascending by id, until the write ends, whatever values they had; returns the ids that exist in the account."""
    statement = LOCK[change.database.engine].format(columns="id")
    return {*await numbers(change.database, statement, account=change.account_id, contact_ids=sorted(contact_ids))}
