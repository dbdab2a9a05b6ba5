"""Taking from allowances, and what happens while the server that keeps their counts cannot be reached."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

import structlog
from limits import RateLimitItem
from limits.aio.storage import RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from redis.exceptions import RedisError

from app.rates.windows import Clock, ProcessWindows
from models.errors import RateLimited
from resolvers.operation.allowance import Allowance, Standing
from subscriptions.bus.redis import redis_client

LOST = (RedisError, OSError)  # a TimeoutError is an OSError
PATIENCE_SECONDS = 0.25  # for one answer; every operation waits for one
LOOK_AGAIN_SECONDS = 5.0
MOST_SPENT = 10_000

T = TypeVar("T")

log = structlog.get_logger(__name__)


class Counts(FixedWindowRateLimiter):
    """The library's fixed windows, which tell how much was taken."""

    async def add(self, rate: RateLimitItem, key: str, cost: int) -> int:
        """Take, and return what has been taken since the window opened."""
        return await self.storage.incr(rate.key_for(key), rate.get_expiry(), cost)


class Rates:
    """The allowances of all who are limited, each known by a rate and a key.

    Whatever is asked for is granted as long as anything remains. Counts that are shared are kept elsewhere. While they cannot
    be reached, each process counts by itself, so an outage loosens the limits and refuses nobody.
    """

    def __init__(self, shared: Storage | None = None, *, clock: Clock = time.time) -> None:
        self._clock = clock
        self._here = Counts(ProcessWindows(clock))
        self._shared = Counts(shared) if shared else None
        self._spent: dict[str, float] = {}  # what nothing remains of, and until when, so that nobody has to be asked again
        self._lost_at: float | None = None

    async def take(self, rate: RateLimitItem, key: str, cost: int = 1) -> None:
        """Take from an allowance; raises `RateLimited` if nothing remains of it."""
        self.require(rate, key)
        taken = await self._ask(lambda counts: counts.add(rate, key, cost))
        if taken >= rate.amount:
            await self._note_spent(rate, key)
        if taken - cost >= rate.amount:
            self.require(rate, key)

    def require(self, rate: RateLimitItem, key: str) -> None:
        """Raise `RateLimited` if nothing remains of an allowance, as far as is known here, and take nothing."""
        seconds = self._spent.get(rate.key_for(key), 0) - self._clock()
        if seconds > 0:
            raise RateLimited(math.ceil(seconds))

    async def standing(self, rate: RateLimitItem, key: str) -> Standing:
        """What remains of an allowance, and when it is whole again."""
        reset_at, remaining = await self._ask(lambda counts: counts.get_window_stats(rate, key))
        whole = max(reset_at, self._clock())
        return Standing(rate.amount, remaining, datetime.fromtimestamp(whole, UTC))

    def allowance(self, rate: RateLimitItem, key: str) -> Allowance:
        """One allowance, to be spent by an operation."""
        return Allowance(partial(self.take, rate, key), partial(self.standing, rate, key), partial(self.require, rate, key))

    async def _note_spent(self, rate: RateLimitItem, key: str) -> None:
        until = (await self.standing(rate, key)).reset_at.timestamp()
        if len(self._spent) >= MOST_SPENT:
            self._spent.clear()
        self._spent[rate.key_for(key)] = until

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
        return self._lost_at is not None and self._clock() < self._lost_at + LOOK_AGAIN_SECONDS

    def _lose(self, error: Exception) -> None:
        if self._lost_at is None:
            log.warning("rate limits are counted by each process alone until Redis answers", reason=str(error) or type(error).__name__)
        self._lost_at = self._clock()

    def _find(self) -> None:
        if self._lost_at is not None:
            log.info("rate limits are shared again")
        self._lost_at = None


@asynccontextmanager
async def open_rates(url: str | None, name: str, *, clock: Clock = time.time) -> AsyncIterator[Rates]:
    """Rates that are shared, under this name, by all who use this Redis or Valkey server; without a URL this process counts alone."""
    if url is None:
        yield Rates(clock=clock)
        return
    async with redis_client(url) as client:
        # The client is the bus's kind, which knows the same URLs; the library is given its connections only.
        pool: str = client.connection_pool  # type: ignore[assignment]  # the library passes options through, whatever they are
        yield Rates(RedisStorage("async+redis://", implementation="redispy", key_prefix=name, connection_pool=pool), clock=clock)
