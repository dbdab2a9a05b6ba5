"""The GraphQL endpoint: HTTP, event streams and WebSockets at one address, each operation with a context of its own."""

from collections.abc import Mapping

import strawberry
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.graphql.execution.answer_budgets import AnswerBudgets
from app.graphql.execution.operations import ObserveAnswers, Operations, unobserved
from app.graphql.execution.subscription_budgets import SubscriptionBudgets
from app.graphql.execution.wire import Authenticate
from app.graphql.transport.connections import Connections
from app.graphql.transport.handshakes import CountedHandshakes, CountHandshake, uncounted
from app.graphql.transport.http import HttpEndpoint
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.websocket import SocketEndpoint
from models.engine.fair_queue import FairQueue
from resolvers.access.sign_in import Lapse
from resolvers.operation.context import Caller


class GraphQLApp:
    """An ASGI application that serves one schema to authenticated clients."""

    def __init__(
        self,
        schema: strawberry.Schema,
        authenticate: Authenticate,
        limits: TransportLimits,
        *,
        count_handshake: CountHandshake = uncounted,
        observe: ObserveAnswers = unobserved,
    ) -> None:
        self._connections = Connections(limits.connections, limits.connections_of_one, limits.silent)
        self.turns = FairQueue(limits.running, limits.waiting)
        """The turns of queries and mutations."""
        self.budgets = AnswerBudgets(limits.answers)
        self.subscriptions = SubscriptionBudgets(limits.subscriptions)
        operations = Operations(
            schema,
            self.turns,
            observe,
            request_seconds=limits.request_seconds,
            budgets=self.budgets,
            subscriptions=self.subscriptions,
        )
        self._http = HttpEndpoint(operations, authenticate, limits, self._connections)
        sockets = SocketEndpoint(operations, authenticate, limits, self._connections)
        self._websocket = CountedHandshakes(sockets, count_handshake)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        endpoint = self._websocket if scope["type"] == "websocket" else self._http
        await endpoint(scope, receive, send)

    def routes(self, path: str) -> list[BaseRoute]:
        """The routes that lead here."""
        return [Route(path, self), WebSocketRoute(path, self)]

    def callers(self) -> set[Caller]:
        """The callers of all open WebSockets and event streams."""
        return self._connections.callers()

    def end(self, lapsed: Mapping[Caller, Lapse]) -> None:
        """End the WebSockets and event streams of these callers."""
        self._connections.end(lapsed)

    def close(self) -> None:
        """End all WebSockets and event streams, so that the server can stop without waiting for their clients."""
        self._connections.close()
