"""Opens the services that all requests of a process share: database, hub, compiled definitions and limits."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from app.composition import PRODUCT, Composition
from app.settings import Settings
from models.engine.database import Database, Observe, open_database, unobserved
from models.engine.migrate import require_current_schema
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.record_types import RecordTypes
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import PageLimits, Services, WallClock
from subscriptions.bus import Bus, LocalBus
from subscriptions.bus.postgres import postgres_bus
from subscriptions.bus.redis import channel_of, redis_bus
from subscriptions.bus.remote import RemoteBus
from subscriptions.hub import Hub


def wall_clock() -> datetime:
    """Return the current time of this machine."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_services(
    settings: Settings, clock: WallClock = wall_clock, *, observe: Observe = unobserved, composition: Composition = PRODUCT
) -> AsyncIterator[Services]:
    """Open the services on a database with the current schema. Raises `Unavailable` with the remedy."""
    async with open_database(
        settings.database_url,
        pool_size=settings.pool_size,
        synchronous=settings.sqlite_synchronous,
        observe=observe,
        table_sets=composition.table_sets,
    ) as database:
        await require_current_schema(database)
        await start(database, clock())
        hub = Hub(database, await _bus(settings, database))
        async with hub.running():
            services = _services(settings, database, hub, clock=clock, record_types=composition.record_types)
            try:
                yield services
            finally:
                await services.last_uses.close()


def _services(settings: Settings, database: Database, hub: Hub, *, clock: WallClock, record_types: RecordTypes) -> Services:
    criteria = CriteriaLimits(
        depth=settings.criteria_max_depth,
        leaves=settings.criteria_max_leaves,
        values=settings.criteria_max_values,
        patterns=settings.criteria_max_patterns,
        value_bytes=settings.criteria_max_value_bytes,
    )
    return Services(
        database=database,
        hub=hub,
        definitions=DefinitionsCache(criteria, record_types),
        wall_clock=clock,
        pages=PageLimits(settings.page_size_default, settings.page_size_max),
        criteria=criteria,
        heartbeat_seconds=settings.heartbeat_seconds,
        evaluated_at_once=settings.build_online_above,
    )


async def _bus(settings: Settings, database: Database) -> Bus:
    if settings.bus_url:
        return RemoteBus(redis_bus(settings.bus_url, await channel_of(database)))
    if database.engine == "sqlite":
        return LocalBus()
    return RemoteBus(postgres_bus(settings.database_url))
