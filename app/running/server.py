"""The web application: opens the services, mounts GraphQL, runs the workers, and closes everything in reverse order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.types import ASGIApp

from app.composition import PRODUCT, Composition
from app.graphql import GraphQLApp
from app.graphql.execution.answer_budgets import AnswerLimits
from app.graphql.execution.subscription_budgets import SubscriptionLimits
from app.graphql.transport.limits import TransportLimits
from app.health.probes import probes
from app.health.readiness import Readiness
from app.identity.authentication import authenticate_request
from app.identity.provider import Provider, open_provider
from app.rates.admission import Admission, open_admission
from app.running.middleware import middleware
from app.running.services import open_services, wall_clock
from app.running.watchdog import beating
from app.running.workers import running_workers
from app.settings import Settings
from app.telemetry import open_telemetry
from app.telemetry.exposition import exposed
from app.telemetry.requests import ObservedRequests
from models.engine.deadlines import deadline_in
from models.engine.fair_order import WorkKey
from models.engine.fair_queue import work_key
from models.engine.locks import alone_on
from resolvers.maintenance.clock_watch import ClockWatch, Progress, machine_seconds
from resolvers.operation.context import Context, Services, WallClock
from schema.limits import DocumentLimits

PATH = "/graphql"
FEWEST_SILENT = 100  # places for WebSockets before they sign in, unless a setting says otherwise


class Server:
    """One server process. Its services are available while the application runs."""

    def __init__(
        self,
        settings: Settings,
        clock: WallClock = wall_clock,
        composition: Composition = PRODUCT,
        *,
        progress: Progress = machine_seconds,
    ) -> None:
        self._settings = settings
        self._composition = composition
        self._clock = clock
        self._services: Services | None = None
        self._admission: Admission | None = None
        self._provider: Provider | None = None
        telemetry = self._telemetry = open_telemetry(settings)
        watch = self._watch = ClockWatch(clock, progress, most_jump=settings.clock_max_jump_seconds)
        self._readiness = Readiness(lambda: self.services, settings.ready_clock_lag_seconds, watch)
        self._probes = probes(self._readiness)
        self.graphql = GraphQLApp(
            composition.schema(_document_limits(settings)),
            self._authenticate,
            _transport_limits(settings),
            count_handshake=self._count_handshake,
            observe=telemetry.operation,
        )
        telemetry.metrics.gauges.follow_turns(self.graphql.turns)
        telemetry.metrics.gauges.follow_bytes(lambda: self.graphql.budgets.held, lambda: self.graphql.subscriptions.kept)
        routes = [*self.graphql.routes(PATH), *self._probes]
        routed = Starlette(routes=routes, middleware=middleware(settings), lifespan=self._lifespan)
        routed.router.redirect_slashes = False  # behind a proxy with TLS, it would redirect to http:// and expose tokens
        self.application: ASGIApp = ObservedRequests(routed, telemetry.metrics, telemetry.tracing, access_log=settings.access_log)

    @property
    def services(self) -> Services:
        """The services of the running application."""
        if self._services is None:
            raise RuntimeError("the application is not running")
        return self._services

    @property
    def admission(self) -> Admission:
        """The rate limits of the running application."""
        if self._admission is None:
            raise RuntimeError("the application is not running")
        return self._admission

    @asynccontextmanager
    async def _lifespan(self, _application: Starlette) -> AsyncIterator[None]:
        async with self.running():
            yield

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open everything that serving needs, and run the workers, while the context is open."""
        with alone_on(self._settings.database_url):
            async with (
                beating(),
                open_services(self._settings, self._clock, observe=self._telemetry.work, composition=self._composition) as services,
                open_admission(self._settings, services.database) as admission,
                open_provider(self._settings, self._clock) as self._provider,
            ):
                self._services, self._admission = services, admission
                self._telemetry.metrics.gauges.follow_clock(self._watch)
                exposing = exposed(self._settings, self._telemetry.metrics, services, probes=self._probes)
                async with running_workers(self._settings, services, self.graphql, self._watch), exposing:
                    yield
                self.close()
        self._telemetry.close()

    def drain(self) -> None:
        """Report to load balancers that no more requests should be sent. Requests are still answered."""
        self._readiness.stop()

    def close(self) -> None:
        """End all streams, so that the server can stop without waiting for their clients."""
        self._readiness.stop()
        self.graphql.close()

    async def _count_handshake(self, address: str) -> None:
        await self.admission.enter(address)

    async def _authenticate(self, authorization: str | None, address: str) -> Context:
        work_key.set(WorkKey(("sign-in", address), hash(authorization)))
        await self.admission.enter(address)
        async with self.admission.attempt(address, authorization or ""):
            with deadline_in(self._settings.request_deadline_seconds):
                context = await authenticate_request(self.services, self._provider, authorization)
        context.allowance = self.admission.allowance(context.caller)
        return context


def _document_limits(settings: Settings) -> DocumentLimits:
    return DocumentLimits(
        characters=settings.query_max_characters,
        tokens=settings.query_max_tokens,
        values=settings.query_max_values,
        depth=settings.query_max_depth,
        aliases=settings.query_max_aliases,
        cost=settings.query_max_cost,
        page=settings.page_size_default,
        largest_page=settings.page_size_max,
    )


def _connections_per_user(connections: int) -> int:
    """Return how many connections one user may have, so that others can still connect."""
    return max(1, connections * 9 // 10)


def _transport_limits(settings: Settings) -> TransportLimits:
    return TransportLimits(
        body_bytes=settings.max_body_bytes,
        message_bytes=settings.websocket_max_message_bytes,
        init_seconds=settings.websocket_init_timeout_seconds,
        ping_seconds=settings.websocket_ping_seconds,
        send_seconds=settings.send_deadline_seconds,
        connections=settings.max_sockets,
        connections_of_one=settings.max_sockets_per_user or _connections_per_user(settings.max_sockets),
        silent=settings.max_sockets_before_sign_in or max(FEWEST_SILENT, settings.max_sockets // 10),
        operations=settings.max_operations_per_socket,
        request_seconds=settings.request_deadline_seconds,
        running=settings.max_running_operations,
        waiting=settings.max_waiting_operations,
        origins=settings.allowed_origins,
        queries_by_get=settings.allow_get_queries,
        answers=_answer_limits(settings),
        subscriptions=_subscription_limits(settings),
    )


def _answer_limits(settings: Settings) -> AnswerLimits:
    one, user = settings.answer_max_bytes, settings.answers_max_bytes_per_user
    return AnswerLimits(answer=one, connection=max(one, user // 2), user=user, process=settings.answers_max_bytes)


def _subscription_limits(settings: Settings) -> SubscriptionLimits:
    most = settings.subscriptions_max_bytes
    user = settings.subscriptions_max_bytes_per_user or most * 7 // 8
    return SubscriptionLimits(connection=min(SubscriptionLimits().connection, user), user=user, process=most)
