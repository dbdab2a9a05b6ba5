"""The web application: opens the services, mounts GraphQL, runs the workers, and closes everything in reverse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.graphql import GraphQLApp
from app.graphql.limits import TransportLimits
from app.services import open_services, wall_clock
from app.settings import Settings
from app.workers import running_workers
from models.locks import alone_on
from resolvers.access import authenticate
from resolvers.context import Context, Services, WallClock
from schema import build_schema
from schema.limits import DocumentLimits

PATH = "/graphql"


class Server:
    """One process that serves GraphQL; `services` are there while the application runs."""

    def __init__(self, settings: Settings, clock: WallClock = wall_clock) -> None:
        self._settings = settings
        self._clock = clock
        self._services: Services | None = None
        self.graphql = GraphQLApp(build_schema(_document_limits(settings)), self._authenticate, _transport_limits(settings))
        self.application: ASGIApp = Starlette(routes=self.graphql.routes(PATH), lifespan=self._lifespan)

    @property
    def services(self) -> Services:
        """What the running application works with."""
        if self._services is None:
            raise RuntimeError("the application is not running")
        return self._services

    @asynccontextmanager
    async def _lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        with alone_on(self._settings.database_url):
            async with open_services(self._settings, self._clock) as services:
                self._services = services
                async with running_workers(self._settings, services, self.graphql):
                    yield
                self.graphql.close()

    async def _authenticate(self, authorization: str | None) -> Context:
        return await authenticate(self.services, authorization)


def _document_limits(settings: Settings) -> DocumentLimits:
    return DocumentLimits(tokens=settings.query_max_tokens, depth=settings.query_max_depth, aliases=settings.query_max_aliases)


def _transport_limits(settings: Settings) -> TransportLimits:
    return TransportLimits(
        body_bytes=settings.max_body_bytes,
        message_bytes=settings.websocket_max_message_bytes,
        init_seconds=settings.websocket_init_timeout_seconds,
        ping_seconds=settings.websocket_ping_seconds,
        send_seconds=settings.send_deadline_seconds,
        connections=settings.max_sockets,
        operations=settings.max_operations_per_socket,
        origins=settings.allowed_origins,
    )
