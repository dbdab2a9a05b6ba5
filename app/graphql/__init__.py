"""The door for clients: GraphQL over HTTP, event streams and WebSockets at one address, each operation in a context of its own."""

from collections.abc import Set

import strawberry
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

from app.graphql.connections import Connections
from app.graphql.http import HttpEndpoint
from app.graphql.limits import TransportLimits
from app.graphql.operations import Operations
from app.graphql.websocket import SocketEndpoint
from app.graphql.wire import Authenticate


class GraphQLApp:
    """An ASGI application that serves one schema to authenticated clients."""

    def __init__(self, schema: strawberry.Schema, authenticate: Authenticate, limits: TransportLimits) -> None:
        self._connections = Connections(limits.connections)
        operations = Operations(schema)
        self._http = HttpEndpoint(operations, authenticate, limits, self._connections)
        self._websocket = SocketEndpoint(operations, authenticate, limits, self._connections)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        endpoint = self._websocket if scope["type"] == "websocket" else self._http
        await endpoint(scope, receive, send)

    def routes(self, path: str) -> list[BaseRoute]:
        """The routes that lead here."""
        return [Route(path, self), WebSocketRoute(path, self)]

    def token_ids(self) -> set[int]:
        """The tokens that open WebSockets and event streams run on."""
        return self._connections.token_ids()

    def close_tokens(self, token_ids: Set[int]) -> None:
        """End the WebSockets and event streams that run on one of these tokens."""
        self._connections.close_tokens(token_ids)

    def close(self) -> None:
        """End all WebSockets and event streams, so that the server can stop without waiting for their clients."""
        self._connections.close()
