"""What runs beside the requests: the logical clock, the end of revoked tokens' connections, and the pruning of the log."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import structlog

from app.graphql import GraphQLApp
from app.settings import Settings
from models.database import UNREACHABLE
from models.leadership import Leadership
from resolvers.access import lapsed_tokens
from resolvers.clock import step
from resolvers.context import Services
from resolvers.membership.retention import prune

ACCESS_SECONDS = 3.0  # a revoked token ends its connections within five seconds
PRUNE_SECONDS = 600.0


@contextlib.asynccontextmanager
async def running_workers(settings: Settings, services: Services, graphql: GraphQLApp) -> AsyncIterator[None]:
    """Run every worker while the context is open."""
    leadership = Leadership(settings.database_url)

    async def pass_time() -> None:
        if await leadership.held():
            await step(services)

    async def end_lapsed() -> None:
        if open_tokens := graphql.token_ids():
            graphql.close_tokens(await lapsed_tokens(services, open_tokens))

    async def prune_log() -> None:
        if await leadership.held():
            before = services.wall_clock() - timedelta(hours=settings.log_retention_hours)
            await prune(services.database, before=before, keep=settings.log_retention_events)

    work = ((pass_time, settings.clock_interval_seconds), (end_lapsed, ACCESS_SECONDS), (prune_log, PRUNE_SECONDS))
    tasks = [asyncio.create_task(_repeat(job, seconds), name=job.__name__) for job, seconds in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await leadership.resign()


async def _repeat(job: Callable[[], Awaitable[None]], seconds: float) -> None:
    while True:
        try:
            await job()
        # Nothing may end a worker: what was missed is made up for by its next turn.
        except UNREACHABLE as error:
            structlog.get_logger().warning("worker cannot reach the database", worker=job.__name__, reason=str(error))
        except Exception:
            structlog.get_logger().exception("worker failed", worker=job.__name__)
        await asyncio.sleep(seconds)
