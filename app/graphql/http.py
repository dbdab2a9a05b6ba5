"""GraphQL over HTTP: a POST of JSON, answered in JSON or as a stream of events."""

from collections.abc import Mapping
from contextlib import aclosing
from types import MappingProxyType

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.types.graphql import OperationType

from app.graphql.accept import EVENTS, GRAPHQL_JSON, JSON, OFFERED, preferred
from app.graphql.connections import Connections
from app.graphql.events import EventStream
from app.graphql.limits import TransportLimits
from app.graphql.operations import ANY_OPERATION, Operations
from app.graphql.wire import Asked, Authenticate, Context, asked, decode, encode
from models.errors import BadInput, Unauthenticated
from schema.errors import as_graphql

ONE_ANSWER = frozenset({OperationType.QUERY, OperationType.MUTATION})
STATUS_BY_CODE = {"BAD_USER_INPUT": 400, "UNAUTHENTICATED": 401, "FORBIDDEN": 403, "UNAVAILABLE": 503}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class HttpRefusal(BadInput):
    """A request that HTTP has a status of its own for."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


class HttpEndpoint:
    """Authenticates and answers each request on its own."""

    def __init__(self, operations: Operations, authenticate: Authenticate, limits: TransportLimits, connections: Connections) -> None:
        self._operations = operations
        self._authenticate = authenticate
        self._limits = limits
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever it is."""
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
        require_post_of_json(request, media)
        context = await self._authenticate(request.headers.get("authorization"))
        wanted = asked(decode(await read_body(request, self._limits.body_bytes)))
        if media == EVENTS:
            return await self._stream(wanted, context)
        return await self._answer(wanted, context, media or JSON)

    async def _answer(self, wanted: Asked, context: Context, media: str) -> Response:
        async with aclosing(await self._operations.begin(wanted, context, kinds=ONE_ANSWER)) as source:
            answer = await anext(source)
        failed = media == GRAPHQL_JSON and answer.errors is not None
        return json_response(answer.text.encode(), media, status=400 if failed else 200)

    async def _stream(self, wanted: Asked, context: Context) -> EventStream:
        source = await self._operations.begin(wanted, context, kinds=ANY_OPERATION)
        connection = self._connections.open(context.token_id)
        return EventStream(source, self._connections, connection, limits=self._limits)


def require_post_of_json(request: Request, media: str | None) -> None:
    """Refuse what needs no look at the body or the caller."""
    if request.method != "POST":
        raise HttpRefusal(405, "Send GraphQL requests by POST.", {"Allow": "POST"})
    if media is None:
        raise HttpRefusal(406, f"Accept one of {', '.join(OFFERED)}.")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise HttpRefusal(415, f"Send the request as `Content-Type: {JSON}`.")


async def read_body(request: Request, most: int) -> bytes:
    """The whole body, refused as soon as it is known to be too long."""
    too_long = HttpRefusal(413, f"The request is longer than {most} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdecimal() and int(declared) > most:
        raise too_long
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_long
    return bytes(body)


def refusal(error: Exception, media: str | None) -> Response:
    """The response to a request that an error kept from running."""
    published = as_graphql(error)
    status, headers = STATUS_BY_CODE.get(str((published.extensions or {})["code"]), 500), NO_HEADERS
    if isinstance(error, HttpRefusal):
        status, headers = error.status, error.headers
    if isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": "Bearer"}
    body = encode({"errors": [published.formatted]})
    return json_response(body, GRAPHQL_JSON if media == GRAPHQL_JSON else JSON, status=status, headers=headers)


def json_response(body: bytes, media: str, *, status: int, headers: Mapping[str, str] = NO_HEADERS) -> Response:
    """An answer as JSON that no browser takes for anything else."""
    return Response(body, status, {**headers, "Content-Type": f"{media}; charset=utf-8", "X-Content-Type-Options": "nosniff"})
