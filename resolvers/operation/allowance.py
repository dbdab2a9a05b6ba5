"""The points that a caller may spend on operations in the current minute."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol


class Standing(NamedTuple):
    """The state of a budget."""

    limit: int
    remaining: int
    reset_at: datetime


class Budget(Protocol):
    """The points that a caller may spend. The composition root implements it."""

    async def take(self, cost: int) -> None:
        """Charge the cost. Raises `RateLimited` if nothing remained."""

    async def standing(self) -> Standing:
        """Return what remains, and when it is reset."""

    def require(self) -> None:
        """Raise `RateLimited` if nothing is known to remain, without charging."""


@dataclass(slots=True)
class Allowance:
    """The budget that pays for one operation."""

    budget: Budget
    cost: int = 0
    """What the operation cost, which is 0 until it is paid."""

    async def spend(self, cost: int) -> None:
        """Pay for the operation. Raises `RateLimited` if nothing remains."""
        await self.budget.take(cost)
        self.cost = cost


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A rate limit as the caller sees it in an operation."""

    limit: int
    cost: int
    remaining: int
    reset_at: datetime


async def rate_limit(allowance: Allowance | None) -> RateLimit | None:
    """Return the rate limit after this operation is paid, or None if there is no limit."""
    if allowance is None:
        return None
    standing = await allowance.budget.standing()
    return RateLimit(standing.limit, allowance.cost, standing.remaining, standing.reset_at)
