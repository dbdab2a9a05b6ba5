"""Background jobs: the logical clock, group builds, bulk actions, closing revoked connections, and pruning."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.graphql import GraphQLApp
from app.running.descriptors import DescriptorWatch
from app.settings import Settings
from models.engine.database import ANSWER_SECONDS, UNREACHABLE
from models.engine.leadership import BEAT_SECONDS, Leadership
from models.errors import DatabaseNotWritable
from models.fields import from_microseconds
from resolvers.access import audit_log
from resolvers.access.sign_in import lapsed
from resolvers.bulk import inverses
from resolvers.bulk.work import work
from resolvers.grouping.builds import build
from resolvers.maintenance.clock import keep_time
from resolvers.maintenance.clock_watch import ClockWatch
from resolvers.membership.clock import read_stored
from resolvers.membership.journal.retention import prune, sweep
from resolvers.operation.context import Services

ACCESS_SECONDS = 3.0  # a revoked token ends its connections within five seconds
PRUNE_SECONDS = 600.0
DESCRIPTOR_SECONDS = 1.0
BUILD_SECONDS = 1.0
BULK_SECONDS = 1.0  # after which a process looks for bulk actions that another process has started or abandoned

Job = Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def running_workers(settings: Settings, services: Services, graphql: GraphQLApp, watch: ClockWatch) -> AsyncIterator[None]:
    """Run all jobs while the context is open."""
    jobs = _Jobs(settings, services, graphql, watch, Leadership(settings.database_url), DescriptorWatch(settings.max_sockets))
    tasks = [asyncio.create_task(_repeat(job, seconds), name=job.__name__) for job, seconds in jobs.by_interval()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await jobs.leadership.resign()


@dataclass(frozen=True, slots=True)
class _Jobs:
    """The jobs, some of which run only in the leading process."""

    settings: Settings
    services: Services
    graphql: GraphQLApp
    watch: ClockWatch
    leadership: Leadership
    descriptors: DescriptorWatch

    def by_interval(self) -> list[tuple[Job, float]]:
        """Return every job with the seconds between two runs."""
        return [
            (self.keep_lead, BEAT_SECONDS),
            (self.advance_clock, self.settings.clock_interval_seconds),
            (self.build_groups, BUILD_SECONDS),
            (self.work_in_bulk, 0),
            (self.close_lapsed_connections, ACCESS_SECONDS),
            (self.prune_old_entries, PRUNE_SECONDS),
            (self.look_for_descriptors, DESCRIPTOR_SECONDS),
        ]

    async def keep_lead(self) -> None:
        await self.leadership.held()  # apart from the other jobs, because one of their runs may take minutes

    async def advance_clock(self) -> None:
        await keep_time(self.services, self.watch, leads=await self.leadership.held())

    async def look_for_descriptors(self) -> None:
        self.descriptors.look()

    async def build_groups(self) -> None:
        if await self.leadership.held():
            await build(self.services)

    async def work_in_bulk(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(BULK_SECONDS):
                await self.services.bulk_started.wait()
        self.services.bulk_started.clear()
        await work(self.services)

    async def close_lapsed_connections(self) -> None:
        if callers := self.graphql.callers():
            with self.services.database.answering_within(ANSWER_SECONDS):
                over = await lapsed(self.services, callers)
            self.graphql.end(over)

    async def prune_old_entries(self) -> None:
        if self.watch.problem is None and await self.leadership.held():
            database = self.services.database
            now = from_microseconds((await read_stored(database)).confirmed)
            before = now - timedelta(hours=self.settings.log_retention_hours)
            await prune(database, before=before, keep=self.settings.log_retention_events)
            await sweep(database)
            await audit_log.prune(database, before=now - timedelta(days=self.settings.audit_log_days))
            await inverses.prune(database, before=now - timedelta(days=self.settings.bulk_undo_days))


async def _repeat(job: Job, seconds: float) -> None:
    while True:
        try:
            await job()
        # No error may end a job. The next run catches up.
        except UNREACHABLE as error:
            structlog.get_logger().warning("worker cannot reach the database", worker=job.__name__, reason=str(error))
        except DatabaseNotWritable as error:
            structlog.get_logger().warning("worker cannot write to the database", worker=job.__name__, reason=error.message)
        except Exception:
            structlog.get_logger().exception("worker failed", worker=job.__name__)
        await asyncio.sleep(seconds)
