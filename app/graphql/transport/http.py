"""GraphQL over HTTP: one request, answered in JSON or as a stream of events."""

from collections.abc import Iterable, Mapping, Set
from contextlib import aclosing

from graphql import GraphQLFormattedError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.types.graphql import OperationType

from app.graphql.execution.answer_budgets import Holding
from app.graphql.execution.operations import Operations
from app.graphql.execution.wire import Answer, Authenticate, Context, GraphQLRequest, encode
from app.graphql.transport.accept import EVENTS, GRAPHQL_JSON, JSON, preferred
from app.graphql.transport.answer_response import AnswerResponse
from app.graphql.transport.connections import Connections
from app.graphql.transport.events import EventStream
from app.graphql.transport.limits import TransportLimits
from app.graphql.transport.presence import WhileConnected
from app.graphql.transport.requests import NO_HEADERS, HttpRefusal, methods, read, require_readable
from app.graphql.transport.uvicorn_protocols import HANG_UP, UNREAD
from app.rates.addresses import address_of
from models.errors import RateLimited, Unauthenticated, Unavailable
from schema.errors import as_graphql

KINDS = {"GET": frozenset({OperationType.QUERY}), "POST": frozenset({OperationType.QUERY, OperationType.MUTATION})}
STREAMED = frozenset({OperationType.SUBSCRIPTION})
Kinds = Set[OperationType]

SAFE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
STATUS_BY_CODE = {
    "BAD_USER_INPUT": 400,
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    "RATE_LIMITED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class HttpEndpoint:
    """Authenticates and answers each HTTP request."""

    def __init__(self, operations: Operations, authenticate: Authenticate, limits: TransportLimits, connections: Connections) -> None:
        self._operations = operations
        self._authenticate = authenticate
        self._limits = limits
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        media = preferred(request.headers.get("accept"))
        try:
            response = await self._respond(request, media)
        except ClientDisconnect:
            return
        except Exception as error:
            response = refusal(error, media)
        await response(scope, receive, send)

    async def _respond(self, request: Request, media: str | None) -> ASGIApp:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=methods(self._limits))
        require_readable(request, media, self._limits)
        context = await self._authenticate(request.headers.get("authorization"), address_of(request))
        graphql_request, kinds = await read(request, self._limits), KINDS[request.method]
        holding = self._hold(request.scope, context)
        try:
            if media == EVENTS:
                return await self._stream(graphql_request, context, kinds | STREAMED, holding=holding)
            async with WhileConnected(request.receive):
                response = await self._answer(graphql_request, context, kinds, media=media or JSON)
            return AnswerResponse(response, holding, 2 * self._limits.send_seconds)
        except BaseException:
            holding.close()
            raise

    def _hold(self, scope: Scope, context: Context) -> Holding:
        """Hold the bytes of the answers, and count those that the client has not read, if the server can count them."""
        extensions, budgets = scope.get("extensions") or {}, self._operations.budgets
        hang_up = extensions.get(HANG_UP, not_possible)
        if count_unread_into := extensions.get(UNREAD):
            count_unread_into(budgets.holding(context.caller, hang_up))
        return budgets.hold_answers(context, hang_up)

    async def _answer(self, request: GraphQLRequest, context: Context, kinds: Kinds, *, media: str) -> Response:
        async with aclosing(await self._operations.begin(request, context, kinds=kinds)) as source:
            answer = await anext(source)
        return json_response(answer.text.encode(), media, status=status_of(answer, media), headers=retry_headers(answer.errors or ()))

    async def _stream(self, request: GraphQLRequest, context: Context, kinds: Kinds, *, holding: Holding) -> EventStream:
        source = await self._operations.begin(request, context, kinds=kinds)
        connection = self._connections.open()
        try:
            self._connections.admit(connection, context.caller)
        except Unavailable:
            self._connections.discard(connection)
            raise
        return EventStream(source, self._connections, connection, limits=self._limits, holding=holding)


def not_possible() -> None:
    """Hang up where the server has no way to."""


def status_of(answer: Answer, media: str) -> int:
    """The status of an answer: 400 for an error only in GraphQL's own media type, as its specification wants it."""
    if RateLimited.code in answer.codes and answer.errors:
        return STATUS_BY_CODE[RateLimited.code]
    return 400 if answer.errors and media == GRAPHQL_JSON else 200


def retry_headers(errors: Iterable[GraphQLFormattedError]) -> Mapping[str, str]:
    """The header that says when to send a request again, if an error names a time."""
    seconds = [error["extensions"]["retryAfter"] for error in errors if "retryAfter" in error.get("extensions", {})]
    return {"Retry-After": str(max(seconds))} if seconds else NO_HEADERS


def refusal(error: Exception, media: str | None) -> Response:
    """The response to a request that could not be run because of this error."""
    published = as_graphql(error)
    status, headers = STATUS_BY_CODE.get(str((published.extensions or {})["code"]), 500), retry_headers([published.formatted])
    if isinstance(error, HttpRefusal):
        status, headers = error.status, error.headers
    if isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": "Bearer"}
    body = encode({"errors": [published.formatted]})
    return json_response(body, GRAPHQL_JSON if media == GRAPHQL_JSON else JSON, status=status, headers=headers)


def json_response(body: bytes, media: str, *, status: int, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """A JSON response that browsers do not take for another type, and that no cache stores."""
    return Response(body, status, {**SAFE, **headers, "Content-Type": f"{media}; charset=utf-8"})
