"""Serves metrics at a port of their own, which Prometheus can reach and the internet cannot."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from app.health.readings import Readings, read
from app.settings import Settings
from app.telemetry.metrics import Metrics
from resolvers.operation.context import Services

ANSWER_SECONDS = 2.0  # within which the database must answer

log = structlog.get_logger(__name__)


@asynccontextmanager
async def exposed(settings: Settings, metrics: Metrics, services: Services, *, probes: list[BaseRoute]) -> AsyncIterator[None]:
    """Serve the metrics and probes of this process while the context is open, if a port is configured."""
    metrics.gauges.follow(services.hub)
    if settings.metrics_port is None:
        yield
        return

    async def written(_request: Request) -> Response:
        metrics.gauges.show_pool(services.database.pool())
        metrics.gauges.show(await _readings(services))
        return Response(metrics.written(), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4, "Cache-Control": "no-store"})

    async with _serving(Starlette(routes=[Route("/metrics", written), *probes]), _claimed(settings)):
        yield


async def _readings(services: Services) -> Readings | None:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await read(services)
    # A scrape always succeeds, because it has to show that the database fails.
    except Exception as error:
        log.warning("metrics without the database", reason=str(error) or type(error).__name__)
        return None


def _claimed(settings: Settings) -> socket.socket | None:
    """Bind the first free port of the configured range, so that each server process has its own."""
    first = settings.metrics_port or 0
    for port in range(first, first + settings.workers):
        family, _, _, _, address = min(socket.getaddrinfo(settings.metrics_host, port, type=socket.SOCK_STREAM))
        claimed = socket.socket(family, socket.SOCK_STREAM)
        claimed.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            claimed.bind(address)
            claimed.listen()
        except OSError as error:
            claimed.close()
            log.debug("metrics port is taken", port=port, reason=error.strerror)
        else:
            return claimed
    log.warning("no metrics: every port is taken", host=settings.metrics_host, first=first, ports=settings.workers)
    return None


@asynccontextmanager
async def _serving(application: Starlette, claimed: socket.socket | None) -> AsyncIterator[None]:
    """Serve an application in the running event loop, beside the main server."""
    if claimed is None:
        yield
        return
    config = uvicorn.Config(
        application, lifespan="off", log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[claimed])
    try:
        yield
    finally:
        await server.shutdown(sockets=[claimed])
