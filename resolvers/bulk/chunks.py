"""Taking the next contacts of a target into a write, so that they stay in the target until the write ends."""

from collections.abc import Sequence
from typing import NamedTuple

from resolvers.bulk.targets import BulkTarget
from resolvers.membership.change import Change
from resolvers.operation.context import Context


class TargetPosition(NamedTuple):
    """How far a target has been processed: the contacts after the id `after` come next, at most `most` of them."""

    target: BulkTarget
    after: int
    most: int


class NextContacts(NamedTuple):
    """The contacts that come next, as found before the write. None if the write itself has to find them."""

    position: TargetPosition
    contact_ids: Sequence[int] | None


class BulkChunk(NamedTuple):
    """The contacts that one write processes, ascending: `reached` are all of them, `present` those that are still in the target."""

    position: TargetPosition
    reached: Sequence[int]
    present: Sequence[int]

    @property
    def last_id(self) -> int:
        """The last contact that has been processed after this chunk."""
        return self.reached[-1] if self.reached else self.position.after

    @property
    def is_last(self) -> bool:
        """Whether no contacts are left after it."""
        return len(self.reached) < self.position.most


async def find_next_contacts(context: Context, position: TargetPosition) -> NextContacts:
    """Find the next contacts before the write, so that it holds its locks for a shorter time.

    On SQLite a write holds off all others from its beginning, so the contacts are found once, by the write itself.
    """
    if context.services.database.engine == "sqlite":
        return NextContacts(position, None)
    return NextContacts(position, await position.target.after(context, position.after, position.most))


async def take_chunk(context: Context, change: Change, following: NextContacts) -> BulkChunk:
    """Lock the next contacts. Those found before the write are checked again, since they may have changed before they were locked."""
    position, contact_ids = following
    if contact_ids is None:
        reached = await position.target.after(context, position.after, position.most)
        return BulkChunk(position, reached, reached)
    locked = sorted(await change.lock_many(contact_ids))
    return BulkChunk(position, contact_ids, await position.target.among(context, locked) if locked else [])
