"""What a caller may still spend on operations in the current minute, in points of their cost."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


class Standing(NamedTuple):
    """Where an allowance stands."""

    limit: int
    remaining: int
    reset_at: datetime


@dataclass(slots=True)
class Allowance:
    """The allowance that one operation is paid from."""

    take: Callable[[int], Awaitable[None]]
    look: Callable[[], Awaitable[Standing]]
    require: Callable[[], None]
    """Raises `RateLimited` if nothing is known to remain, and takes nothing."""
    cost: int = 0
    """What the operation cost; 0 until it is paid."""

    async def spend(self, cost: int) -> None:
        """Pay for the operation; raises `RateLimited` if nothing remains."""
        await self.take(cost)
        self.cost = cost


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit as its caller sees it from within an operation."""

    limit: int
    cost: int
    remaining: int
    reset_at: datetime


async def rate_limit(allowance: Allowance | None) -> RateLimit | None:
    """Where the allowance stands once this operation is paid; None if nothing is limited."""
    if allowance is None:
        return None
    standing = await allowance.look()
    return RateLimit(standing.limit, allowance.cost, standing.remaining, standing.reset_at)
