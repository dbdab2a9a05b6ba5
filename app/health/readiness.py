"""Decides whether this process should receive requests, which load balancers ask repeatedly."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.health.readings import clock_lag
from models.engine.migrate import require_current_schema
from models.errors import Unavailable
from resolvers.maintenance.clock_watch import ClockWatch
from resolvers.membership.journal.retention import write_and_erase
from resolvers.operation.context import Services

ANSWER_SECONDS = 2.0  # within which the database must answer
WRITE_SECONDS = 1.5  # within which it must have written: less, so that it is named
KEPT_SECONDS = 1.0  # so that many probes do not cause many queries

STOPPING = "The server is stopping."
NO_DATABASE = "The database does not answer."
SLOW_WRITES = "The database has not completed a write within {seconds:g} seconds. Check its disk, and what else writes to it."
AHEAD = "The logical clock is {seconds:.0f} seconds ahead of this machine's clock. Correct that clock, or see `muster clock`."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of each check: None if it passed, or else a sentence."""

    checks: dict[str, str | None]

    @property
    def is_ready(self) -> bool:
        """Whether all checks passed."""
        return not any(self.checks.values())


class Readiness:
    """Checks at most once a second, however many clients ask. Once the server is stopping, it is never ready."""

    def __init__(self, services: Callable[[], Services], most_lag: float, watch: ClockWatch | None = None) -> None:
        self._services = services
        self._most_lag = most_lag
        self._watch = watch
        self._looking = asyncio.Lock()
        self._found: tuple[float, Verdict] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._is_stopping = False

    def stop(self) -> None:
        """Report from now on that no more requests should be sent."""
        self._is_stopping = True
        if self._writing:
            self._writing.cancel()

    async def verdict(self) -> Verdict:
        """Return results that are at most one second old."""
        if self._is_stopping:
            return Verdict({"server": STOPPING})
        loop = asyncio.get_running_loop()
        async with self._looking:
            if self._found is None or self._found[0] < loop.time() - KEPT_SECONDS:
                self._found = loop.time(), await self._look()
            return self._found[1]

    async def _look(self) -> Verdict:
        checks = {"database": self._database, "schema": self._schema, "writes": self._writes, "clock": self._clock}
        return Verdict({name: await _said(name, check) for name, check in checks.items()})

    async def _database(self) -> str | None:
        await self._services().database.rows("SELECT 1 AS one")
        return None

    async def _schema(self) -> str | None:
        await require_current_schema(self._services().database)
        return None

    async def _writes(self) -> str | None:
        """Write something. A write that waits for the disk cannot be cancelled: until it ends, no other one is begun."""
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(write_and_erase(self._services().database))
        await asyncio.wait([self._writing], timeout=WRITE_SECONDS)
        if not self._writing.done():
            return SLOW_WRITES.format(seconds=WRITE_SECONDS)
        self._writing.result()
        return None

    async def _clock(self) -> str | None:
        if self._watch and self._watch.problem:
            return self._watch.problem
        lag = await clock_lag(self._services())
        if lag < -self._most_lag:
            return AHEAD.format(seconds=-lag)
        return f"The logical clock is {lag:.0f} seconds behind." if lag > self._most_lag else None


async def _said(name: str, check: Callable[[], Awaitable[str | None]]) -> str | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await check()
    except Unavailable as error:
        return error.message
    # The probe must be answered whatever happens. Messages of the database go to the log only.
    except Exception as error:
        log.warning("not ready", check=name, reason=str(error) or type(error).__name__)
        return NO_DATABASE
