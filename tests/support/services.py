"""The services of one process, on the test's database."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models.engine.database import Database
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import Services
from subscriptions.bus import Bus, LocalBus
from subscriptions.hub import Hub
from tests.support.clock import DrivenClock
from tests.support.composition import composition_of


@asynccontextmanager
async def running_services(
    database: Database, clock: DrivenClock, *, bus: Bus | None = None, evaluated_at_once: int = 10_000
) -> AsyncIterator[Services]:
    """The services of one process, which looks for lost hints every few milliseconds."""
    await start(database, clock())
    hub = Hub(database, bus or LocalBus(), compare_seconds=0.02)
    definitions = DefinitionsCache(CriteriaLimits(), composition_of(database).record_types)
    async with hub.running():
        yield Services(database, hub, definitions, clock, heartbeat_seconds=0.1, evaluated_at_once=evaluated_at_once)
