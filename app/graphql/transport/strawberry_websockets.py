"""What this project uses of strawberry's WebSocket protocol beyond its documentation.

The rest of the code imports these names from here, and overrides their methods in `websocket.py` and `frames.py`.
`tests/test_adapters.py` fails when an upgrade of strawberry moves one or changes its parameters.
"""

from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation
from strawberry.subscriptions.protocols.graphql_transport_ws.types import ConnectionInitMessage, Message, PongMessage, SubscribeMessage

__all__ = [
    "GRAPHQL_TRANSPORT_WS_PROTOCOL",
    "ASGIWebSocketAdapter",
    "BaseGraphQLTransportWSHandler",
    "ConnectionInitMessage",
    "GraphQL",
    "Message",
    "NonJsonMessageReceived",
    "NonTextMessageReceived",
    "Operation",
    "PongMessage",
    "SubscribeMessage",
    "WebSocketDisconnected",
]
