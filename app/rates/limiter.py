"""Rate limits over fixed windows, counted in Redis or Valkey if there is a server, and in this process while it is down."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import structlog
from cachetools import TLRUCache
from limits import RateLimitItem
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from app.rates.windows import Clock, ProcessWindows
from models.errors import RateLimited
from resolvers.operation.allowance import Allowance, Standing
from subscriptions.bus.redis import redis_client

LOST = (RedisError, OSError)  # a TimeoutError is an OSError
PATIENCE_SECONDS = 0.25  # for one answer, which every operation waits for
LOOK_AGAIN_SECONDS = 5.0
MOST_SPENT = 10_000

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Counts(FixedWindowRateLimiter):
    """Fixed windows of the `limits` library that also return the count."""

    async def add(self, rate: RateLimitItem, key: str, cost: int) -> int:
        """Add the cost and return the total of the window."""
        return await self.storage.incr(rate.key_for(key), rate.get_expiry(), cost)


class RateLimiter:
    """Counts against rates, each by a key.

    A request is granted as long as anything remains, whatever it costs. While a shared server cannot be reached, each process
    counts by itself, so an outage loosens the limits and refuses nobody.
    """

    def __init__(self, shared: Storage | None = None, *, clock: Clock = time.time) -> None:
        self.clock = clock
        self._here = Counts(ProcessWindows(clock))
        self._shared = Counts(shared) if shared else None
        # Keys without anything left, and until when. Each entry expires at that moment, and saves asking the server until then.
        self._spent = TLRUCache[str, float](MOST_SPENT, ttu=lambda _key, until, _now: until, timer=clock)
        self._lost_at: float | None = None

    async def take(self, rate: RateLimitItem, key: str, cost: int = 1) -> None:
        """Charge a key. Raises `RateLimited` if nothing remained."""
        self.require(rate, key)
        taken = await self._ask(lambda counts: counts.add(rate, key, cost))
        if taken >= rate.amount:
            await self._note_spent(rate, key)
        if taken - cost >= rate.amount:
            self.require(rate, key)

    def require(self, rate: RateLimitItem, key: str) -> None:
        """Raise `RateLimited` if this process knows that nothing remains for a key, without charging it."""
        until = self._spent.get(rate.key_for(key))
        if until is not None:
            raise RateLimited(max(1, math.ceil(until - self.clock())))

    async def standing(self, rate: RateLimitItem, key: str) -> Standing:
        """Return what remains for a key, and when the window ends."""
        reset_at, remaining = await self._ask(lambda counts: counts.get_window_stats(rate, key))
        whole = max(reset_at, self.clock())
        return Standing(rate.amount, remaining, datetime.fromtimestamp(whole, UTC))

    def allowance(self, rate: RateLimitItem, key: str) -> Allowance:
        """Return the allowance of a key, which pays for one operation."""
        return Allowance(_Budget(self, rate, key))

    async def _note_spent(self, rate: RateLimitItem, key: str) -> None:
        self._spent[rate.key_for(key)] = (await self.standing(rate, key)).reset_at.timestamp()

    async def _ask(self, question: Callable[[Counts], Awaitable[T]]) -> T:
        if self._shared and not self._is_lost():
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    answer = await question(self._shared)
            except LOST as error:
                self._lose(error)
            else:
                self._find()
                return answer
        return await question(self._here)

    def _is_lost(self) -> bool:
        return self._lost_at is not None and self.clock() < self._lost_at + LOOK_AGAIN_SECONDS

    def _lose(self, error: Exception) -> None:
        if self._lost_at is None:
            log.warning("rate limits are counted by each process alone until Redis answers", reason=str(error) or type(error).__name__)
        self._lost_at = self.clock()

    def _find(self) -> None:
        if self._lost_at is not None:
            log.info("rate limits are shared again")
        self._lost_at = None


@dataclass(frozen=True, slots=True)
class _Budget:
    """What one key may spend by one rate."""

    limiter: RateLimiter
    rate: RateLimitItem
    key: str

    async def take(self, cost: int) -> None:
        await self.limiter.take(self.rate, self.key, cost)

    async def standing(self) -> Standing:
        return await self.limiter.standing(self.rate, self.key)

    def require(self) -> None:
        self.limiter.require(self.rate, self.key)


@asynccontextmanager
async def open_limiter(url: str | None, name: str, *, clock: Clock = time.time) -> AsyncIterator[RateLimiter]:
    """Open rates that share counts under this name with all users of the server, or count in this process without a URL."""
    if url is None:
        yield RateLimiter(clock=clock)
        return
    async with redis_client(url) as client:
        # The bus's client understands the same URLs. The library gets only its connections.
        pool: str = client.connection_pool  # type: ignore[assignment]  # the library passes options through unchanged
        yield RateLimiter(RedisStorage("async+redis://", implementation="redispy", key_prefix=name, connection_pool=pool), clock=clock)
