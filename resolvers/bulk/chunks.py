"""Taking the next contacts of a target into a write, at the moment from which the engine keeps others from changing them."""

from collections.abc import Sequence
from typing import NamedTuple

from resolvers.bulk.locks import lock
from resolvers.bulk.targets import Target
from resolvers.membership.change import Change
from resolvers.operation.context import Context


class TargetPosition(NamedTuple):
    """How far a target has been walked, and how many contacts come next at most."""

    target: Target
    position: int
    most: int


class Ahead(NamedTuple):
    """What comes next, as far as it is known before the write."""

    place: TargetPosition
    contact_ids: Sequence[int] | None


class Chunk(NamedTuple):
    """The contacts that are passed, and those of them that are in the set and stay there until the write ends, both ascending."""

    place: TargetPosition
    reached: Sequence[int]
    present: Sequence[int]

    @property
    def position(self) -> int:
        """How far the target has been walked after it."""
        return self.reached[-1] if self.reached else self.place.position

    @property
    def is_last(self) -> bool:
        """Whether nobody is left."""
        return len(self.reached) < self.place.most


async def look_ahead(context: Context, place: TargetPosition) -> Ahead:
    """Find the next contacts before anybody has to wait, where they can be locked one by one.

    On SQLite nobody else writes from a write's beginning to its end: there they are found by the write, once.
    """
    if context.services.database.engine == "sqlite":
        return Ahead(place, None)
    return Ahead(place, await place.target.after(context, place.position, place.most))


async def take(context: Context, change: Change, ahead: Ahead) -> Chunk:
    """The next contacts; those that had to be found ahead are locked, and looked at again, since they may have changed before."""
    place, contact_ids = ahead
    if contact_ids is None:
        reached = await place.target.after(context, place.position, place.most)
        return Chunk(place, reached, reached)
    locked = sorted(await lock(change, contact_ids))
    return Chunk(place, contact_ids, await place.target.among(context, locked) if locked else [])
