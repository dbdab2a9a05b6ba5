"""GraphQL over WebSockets in the graphql-transport-ws protocol: strawberry's endpoint, made stricter and bounded."""

import asyncio
from contextlib import aclosing, closing, suppress
from datetime import timedelta
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket

from app.graphql.execution.answer_budgets import Budget
from app.graphql.execution.operations import ANY_OPERATION, Operations
from app.graphql.execution.subscription_budgets import KeptBytes
from app.graphql.execution.wire import Answer, Answers, Authenticate, Context, GraphQLRequest, failure
from app.graphql.transport.connections import FORBIDDEN, FULL, SILENT, TRY_AGAIN_LATER, Connection, Connections, Ending
from app.graphql.transport.frames import Frames
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.messages import authorization, begin_of_next, checked_message, operation_message
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
from resolvers.operation.context import Caller
from schema.errors import as_graphql
from subscriptions.wakeups.restartable_timer import RestartableTimer

MOST_UNANSWERED = 2  # pings
INITIALISED_TWICE = Ending(4429, "Too many initialisation requests")


class SocketEndpoint(GraphQL[str | None, None]):
    """Accepts WebSockets that speak the right protocol and come from pages of the right origin.

    What strawberry calls the context of a connection is here the value of Authorization that its operations run on.
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
        self.websocket_adapter_class = self._frames  # type: ignore[assignment]  # it is only called
        self.graphql_transport_ws_handler_class = SocketProtocol

    def _frames(self, view: GraphQL, request: WebSocket, response: WebSocket) -> Frames:
        return Frames(self.limits, view, request, response)

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> str | None:
        """The handshake's Authorization, for clients that can set headers."""
        return request.headers.get("authorization")


class SocketProtocol(BaseGraphQLTransportWSHandler[str | None, None]):
    """One connection: it authenticates each operation, pings its client, and can be ended from elsewhere."""

    view: SocketEndpoint
    websocket: Frames
    connection: Connection
    budget: Budget
    kept: KeptBytes
    unread_by: Caller | None = None  # into whose budget the bytes count that the client has not read
    ping_timer: RestartableTimer
    pinging: asyncio.Task[None]
    unanswered = 0

    async def handle(self) -> None:
        """Serve the connection until it ends."""
        self.connection = self.view.connections.open_silent(address_of(self.websocket.ws))
        self.budget = self.view.operations.budgets.of_connection()
        self.kept = self.view.operations.subscriptions.of_connection()
        self.ping_timer = RestartableTimer(self.view.limits.ping_seconds, self._ping_or_end)
        self.ping_timer.set()
        try:
            await self._serve()
        finally:
            self.ping_timer.close()
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

    def _ping_or_end(self) -> None:
        """Ping the client, or end the connection if it owes too many pongs."""
        if self.unanswered == MOST_UNANSWERED:
            self.connection.end(SILENT)
            return
        self.unanswered += 1
        self.pinging = asyncio.create_task(self._ping())
        self.ping_timer.set()

    async def _ping(self) -> None:
        with suppress(WebSocketDisconnected):
            await self.send_message({"type": "ping"})

    async def handle_message(self, message: Message) -> None:
        """Act on a message that the protocol allows, and close the connection upon any other."""
        try:
            checked = checked_message(message)
        except BadInput as error:
            await self.handle_invalid_message(error.message)
        else:
            await super().handle_message(checked)
            # The library holds the last message until the next one comes, and with it all that the operation does not need.
            cast(dict[str, object], checked).clear()

    async def handle_pong(self, message: PongMessage) -> None:
        """Note that the client is alive."""
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
            self.view.connections.begin_sign_in(self.connection)
        except Unavailable:
            await self.websocket.close(*FULL)
            return
        try:
            await self._authenticate()
        except Exception as error:
            await self.websocket.close(*ending_after(error))
            return
        self.connection_acknowledged = True
        await self.send_message({"type": "connection_ack"})

    async def _authenticate(self) -> Context:
        context = await self.view.authenticate(self.context, address_of(self.websocket.ws))
        self.view.connections.admit(self.connection, context.caller)
        if self.unread_by != context.caller:
            self.unread_by = context.caller
            self.websocket.count_unread_into(self.view.operations.budgets.holding(context.caller, self.websocket.hang_up, self.budget))
        return context

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        """Begin an operation, if there are not too many."""
        most = self.view.limits.operations
        if len(self.operations) >= most and message["id"] not in self.operations:
            error = BadInput(f"At most {most} operations run at once on one connection: complete one first.")
            await self.send_message(operation_message(message["id"], "error", failure(error).errors))
        else:
            await super().handle_subscribe(message)

    async def run_operation(self, operation: Operation[str | None, None]) -> None:
        """Run one operation with a context of its own, so that it sees the rights of the token and the values as of now."""
        try:
            await self._run(operation, await self._authenticate())
        except Unauthenticated:
            await self.websocket.close(*FORBIDDEN)
        except WebSocketDisconnected:
            pass
        except Exception as error:
            await operation.send_operation_message(operation_message(operation.id, "error", failure(error).errors))

    async def _run(self, operation: Operation[str | None, None], context: Context) -> None:
        await self.websocket.until_room()
        holding = self.view.operations.budgets.hold_answers(context, self.websocket.hang_up, self.budget)
        with closing(holding):
            async with aclosing(await self._begin(operation, context)) as answers:
                async for answer in answers:
                    holding.wait_to_be_read(answer.size)
                    await self._send(operation, answer)
                    holding.release()
                    await self.websocket.until_room()
        await operation.send_operation_message({"id": operation.id, "type": "complete"})

    async def _begin(self, operation: Operation[str | None, None], context: Context) -> Answers:
        request = GraphQLRequest(operation.query, operation.variables, operation.operation_name)
        begin = begin_of_next(operation.id)

        def push(answer: Answer) -> bool:
            # Not once the client has completed the operation: another one may have its id already.
            is_wanted = self.operations.get(operation.id) is operation
            return is_wanted and self.websocket.send_at_once(f"{begin}{answer.text}}}")

        return await self.view.operations.begin(request, context, kinds=ANY_OPERATION, push=push, within=self.kept)

    async def _send(self, operation: Operation[str | None, None], answer: Answer) -> None:
        if answer.errors is None:
            await self.websocket.send_answer(begin_of_next(operation.id), answer.text)
        else:
            await operation.send_operation_message(operation_message(operation.id, "error", answer.errors))


def ending_after(error: Exception) -> Ending:
    """How to close a connection whose client could not be authenticated."""
    return FORBIDDEN if isinstance(error, Unauthenticated) else Ending(TRY_AGAIN_LATER, as_graphql(error).message)
