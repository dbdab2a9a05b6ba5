"""The rate limits of a deployment: requests and failed sign-ins per address, points per token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from limits import RateLimitItemPerMinute

from app.rates.limiter import RateLimiter, open_limiter
from app.rates.wrong_secrets import WrongSecrets
from app.settings import Settings
from models.engine.database import Database
from models.errors import RateLimited, Unauthenticated
from resolvers.operation.allowance import Allowance
from resolvers.operation.context import Caller
from subscriptions.bus.redis import channel_of


class Admission:
    """Applies the limits of one deployment. A limit of 0 means no limit."""

    def __init__(self, limiter: RateLimiter, *, requests: int, points: int, failures: int = 0) -> None:
        self._limiter = limiter
        self._requests = RateLimitItemPerMinute(requests, namespace="requests") if requests else None
        self._failures = RateLimitItemPerMinute(failures, namespace="failures") if failures else None
        self._points = RateLimitItemPerMinute(points, namespace="points") if points else None
        self._wrong_secrets = WrongSecrets(limiter.clock)

    async def enter(self, address: str) -> None:
        """Count a request from this address. Raises `RateLimited` if there were too many."""
        if self._requests:
            await self._limiter.take(self._requests, address)

    @asynccontextmanager
    async def attempt(self, address: str, secret: str) -> AsyncIterator[None]:
        """Guard an attempt to sign in with this secret from this address, and count it if it fails for the first time.

        Raises `RateLimited` if there were too many failures.
        """
        if self._failures is None:
            yield
            return
        self._limiter.require(self._failures, address)
        try:
            yield
        except Unauthenticated:
            if self._wrong_secrets.add(address, secret):
                with suppress(RateLimited):  # the next attempt is refused
                    await self._limiter.take(self._failures, address)
            raise

    def allowance(self, caller: Caller) -> Allowance | None:
        """Return the allowance that pays for this caller's operations, or None if there is no limit."""
        return self._limiter.allowance(self._points, payer_of(caller)) if self._points else None


def payer_of(caller: Caller) -> str:
    """Return the key of the caller's allowance: the token, or the user who signed in without one."""
    return f"token:{caller.token_id}" if caller.token_id else f"user:{caller.user_id}"


@asynccontextmanager
async def open_admission(settings: Settings, database: Database) -> AsyncIterator[Admission]:
    """Open the limits in the settings, which all processes with the same database and bus server share."""
    name = f"{await channel_of(database)}:rates" if settings.bus_url else ""
    async with open_limiter(settings.bus_url, name) as limiter:
        limits = {"requests": settings.rate_limit_requests, "points": settings.rate_limit_points}
        yield Admission(limiter, **limits, failures=settings.rate_limit_failures)
