"""Whether this process should be sent requests: what a load balancer asks again and again."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.health.readings import clock_lag
from models.engine.migrate import require_current_schema
from models.errors import Unavailable
from resolvers.membership.journal.retention import write_and_erase
from resolvers.operation.context import Services

ANSWER_SECONDS = 2.0  # within which the database must answer
KEPT_SECONDS = 1.0  # so that many who ask do not become many questions to the database

STOPPING = "The server is stopping."
NO_DATABASE = "The database does not answer."

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What each check found: None if all is well, or else a sentence."""

    checks: dict[str, str | None]

    @property
    def is_ready(self) -> bool:
        """Whether nothing was found."""
        return not any(self.checks.values())


class Readiness:
    """Looks at most once a second, however many ask; once the server is stopping, it does not look any more."""

    def __init__(self, services: Callable[[], Services], most_lag: float) -> None:
        self._services = services
        self._most_lag = most_lag
        self._looking = asyncio.Lock()
        self._found: tuple[float, Verdict] | None = None
        self._is_stopping = False

    def stop(self) -> None:
        """From now on, send no more requests here."""
        self._is_stopping = True

    async def verdict(self) -> Verdict:
        """What was found within the last second."""
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
        await write_and_erase(self._services().database)
        return None

    async def _clock(self) -> str | None:
        lag = await clock_lag(self._services())
        return f"The logical clock is {lag:.0f} seconds behind." if lag > self._most_lag else None


async def _said(name: str, check: Callable[[], Awaitable[str | None]]) -> str | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await check()
    except Unavailable as error:
        return error.message
    # Whatever it is, the probe must be answered; what the database said is for the log alone.
    except Exception as error:
        log.warning("not ready", check=name, reason=str(error) or type(error).__name__)
        return NO_DATABASE
