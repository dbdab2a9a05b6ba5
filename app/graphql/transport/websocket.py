"""GraphQL over WebSockets in the graphql-transport-ws protocol: strawberry's endpoint, put right where it is lax or lacks something."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from datetime import timedelta
from functools import partial
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from app.graphql.execution.operations import ANY_OPERATION, Operations
from app.graphql.execution.wire import Answer, Authenticate, Context, GraphQLRequest, encode, failure, read_request
from app.graphql.transport.connections import FORBIDDEN, FULL, SILENT, TRY_AGAIN_LATER, Connection, Connections, Ending
from app.graphql.transport.frames import Frames
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.strawberry_websockets import (
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    BaseGraphQLTransportWSHandler,
    ConnectionInitMessage,
    GraphQL,
    Message,
    Operation,
    PongMessage,
    SubscribeMessage,
    WebSocketDisconnected,
)
from app.rates.addresses import address_of
from models.errors import BadInput, Unauthenticated, Unavailable
from schema.errors import as_graphql
from subscriptions.wakeups.restartable_timer import RestartableTimer

MOST_UNANSWERED = 2  # pings
INITIALISED_TWICE = Ending(4429, "Too many initialisation requests")


class SocketEndpoint(GraphQL[str | None, None]):
    """Accepts WebSockets: the right protocol, from pages of the right origin, and not too many at once.

    What strawberry calls the context of a connection is here the Authorization that its operations run on.
    """

    def __init__(self, operations: Operations, authenticate: Authenticate, limits: TransportLimits, connections: Connections) -> None:
        super().__init__(
            operations.schema,
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=limits.init_seconds),
            max_subscriptions_per_connection=None,  # SocketProtocol counts, and answers with a code
            allowed_origins=limits.origins,
        )
        self.operations = operations
        self.authenticate = authenticate
        self.limits = limits
        self.connections = connections
        self.websocket_adapter_class = partial(Frames, limits)  # type: ignore[assignment]  # it is only called
        self.graphql_transport_ws_handler_class = SocketProtocol

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> str | None:
        """The handshake's Authorization, for clients that can set headers."""
        return request.headers.get("authorization")


class SocketProtocol(BaseGraphQLTransportWSHandler[str | None, None]):
    """One connection: its operations authenticated one by one, kept alive, and ended from elsewhere when need be."""

    view: SocketEndpoint
    websocket: Frames
    connection: Connection
    alive: RestartableTimer
    pinging: asyncio.Task[None]
    unanswered = 0

    async def handle(self) -> None:
        """Serve the connection until it ends, for whatever reason."""
        try:
            self.connection = self.view.connections.open()
        except Unavailable:
            await self.websocket.close(*FULL)
            return
        self.alive = RestartableTimer(self.view.limits.ping_seconds, self._look_after)
        self.alive.set()
        try:
            await self._serve()
        finally:
            self.alive.close()
            self.websocket.deadline.close()
            self.view.connections.discard(self.connection)

    async def _serve(self) -> None:
        serving, ended, stalled = asyncio.create_task(super().handle()), self.connection.ended, self.websocket.stalled
        try:
            await asyncio.wait((serving, ended, stalled), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await self.websocket.close(*ended.result())
        finally:
            serving.cancel()
            with suppress(WebSocketDisconnected, asyncio.CancelledError):
                await serving

    def _look_after(self) -> None:
        """Ping; or end the connection, if the client owes too many answers."""
        if self.unanswered == MOST_UNANSWERED:
            self.connection.end(SILENT)
            return
        self.unanswered += 1
        self.pinging = asyncio.create_task(self._ping())
        self.alive.set()

    async def _ping(self) -> None:
        with suppress(WebSocketDisconnected):
            await self.send_message({"type": "ping"})

    async def handle_message(self, message: Message) -> None:
        """Act on a message that the protocol allows, and close the connection upon any other."""
        try:
            checked = check(message)
        except BadInput as error:
            await self.handle_invalid_message(error.message)
        else:
            await super().handle_message(checked)

    async def handle_pong(self, message: PongMessage) -> None:
        """The client is alive."""
        self.unanswered = 0

    async def handle_connection_init(self, message: ConnectionInitMessage) -> None:
        """Acknowledge a client with a valid token, given in the message or else in the handshake."""
        if self.connection_init_received:
            await self.websocket.close(*INITIALISED_TWICE)
            return
        self.connection_init_received = True
        if self.connection_init_timeout_task:
            self.connection_init_timeout_task.cancel()
            self.connection_init_timeout_task = None
        self.context = authorization(message.get("payload") or {}) or self.context
        try:
            await self._authenticate()
        except Exception as error:
            await self.websocket.close(*ending(error))
            return
        self.connection_acknowledged = True
        await self.send_message({"type": "connection_ack"})

    async def _authenticate(self) -> Context:
        context = await self.view.authenticate(self.context, address_of(self.websocket.ws))
        self.view.connections.admit(self.connection, context.caller)
        return context

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, if there are not too many."""
        most = self.view.limits.operations
        if len(self.operations) >= most and message["id"] not in self.operations:
            error = BadInput(f"At most {most} operations run at once on one connection: complete one first.")
            await self.send_message(about(message["id"], "error", failure(error).errors))
        else:
            await super().handle_subscribe(message)

    async def run_operation(self, operation: Operation[str | None, None]) -> None:
        """Run one operation with a context of its own: what the token may do, and what was read, is as of now."""
        try:
            await self._run(operation, await self._authenticate())
        except Unauthenticated:
            await self.websocket.close(*FORBIDDEN)
        except WebSocketDisconnected:
            pass
        except Exception as error:
            await operation.send_operation_message(about(operation.id, "error", failure(error).errors))

    async def _run(self, operation: Operation[str | None, None], context: Context) -> None:
        request = GraphQLRequest(operation.query, operation.variables, operation.operation_name)
        beginning = f'{{"id":{encode(operation.id).decode()},"type":"next","payload":'

        def push(answer: Answer) -> bool:
            # Not once the client has completed the operation: its id may be another one's already.
            is_wanted = self.operations.get(operation.id) is operation
            return is_wanted and self.websocket.send_at_once(f"{beginning}{answer.text}}}")

        async with aclosing(await self.view.operations.begin(request, context, kinds=ANY_OPERATION, push=push)) as answers:
            async for answer in answers:
                if answer.errors is None:
                    await self.websocket.send_text(f"{beginning}{answer.text}}}")
                else:
                    await operation.send_operation_message(about(operation.id, "error", answer.errors))
        await operation.send_operation_message({"id": operation.id, "type": "complete"})


def about(key: str, kind: str, payload: object) -> Message:
    """A message about one operation."""
    return cast(Message, {"id": key, "type": kind, "payload": payload})


def check(message: object) -> Message:
    """The message, if it has the shape that the protocol gives to its type."""
    match message:
        case {"type": "connection_init" | "ping" | "pong", **rest} if isinstance(rest.get("payload"), dict | None):
            return cast(Message, message)
        case {"type": "subscribe", "id": str(key), "payload": payload} if key:
            read_request(payload)
            return cast(Message, message)
        case {"type": "complete", "id": str(key)} if key:
            return cast(Message, message)
    raise BadInput("Invalid message: see the graphql-transport-ws protocol")


def authorization(payload: Mapping[str, object]) -> str | None:
    """The token in a connection_init message, under a name as free in its case as the header's."""
    values = [value for name, value in payload.items() if name.lower() == "authorization"]
    return next((value for value in values if isinstance(value, str)), None)


def ending(error: Exception) -> Ending:
    """How to close a connection whose client could not be authenticated."""
    return FORBIDDEN if isinstance(error, Unauthenticated) else Ending(TRY_AGAIN_LATER, as_graphql(error).message)
