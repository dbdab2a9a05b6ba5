"""Reading a GraphQL request from the body or the address of an HTTP request, or refusing it with a status."""

from collections.abc import Mapping
from types import MappingProxyType

from graphql import GraphQLError, get_operation_ast, parse
from graphql import OperationType as Kind
from starlette.requests import Request

from app.graphql.execution.wire import GraphQLRequest, decode, read_request
from app.graphql.transport.accept import JSON, OFFERED
from app.graphql.transport.limits import TransportLimits
from models.errors import BadInput
from models.event_loop import in_thread

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LONGEST_QUERY_STRING = 2**13  # bytes, as many as proxies commonly let through: it bounds what is parsed before it is checked
IN_JSON = ("variables", "extensions")  # parameters of an address that hold JSON
UTF_8 = {"", "utf-8", "utf8"}
PLAIN = {"", "identity"}


class HttpRefusal(BadInput):
    """A request that is refused with a certain HTTP status."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers


def methods(limits: TransportLimits) -> Mapping[str, str]:
    """The header that lists the allowed methods."""
    return {"Allow": "GET, OPTIONS, POST" if limits.queries_by_get else "OPTIONS, POST"}


def require_readable(request: Request, media: str | None, limits: TransportLimits) -> None:
    """Refuse a request by its method and headers alone, before the body is read or the caller authenticated."""
    if request.method != "POST" and not (request.method == "GET" and limits.queries_by_get):
        raise HttpRefusal(405, "Send GraphQL requests by POST.", methods(limits))
    if media is None:
        raise HttpRefusal(406, f"Accept one of {', '.join(OFFERED)}.")
    if len(request.scope["query_string"]) > LONGEST_QUERY_STRING:
        raise HttpRefusal(414, f"Send what is longer than {LONGEST_QUERY_STRING} bytes by POST.")
    if request.method == "POST":
        _require_json(request)


def _require_json(request: Request) -> None:
    media, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charset = next((part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")), "")
    if media != JSON or charset not in UTF_8:
        raise HttpRefusal(415, f"Send the request as `Content-Type: {JSON}`, in UTF-8.")
    if request.headers.get("content-encoding", "").strip().lower() not in PLAIN:
        raise HttpRefusal(415, "Send the request without a content encoding.", {"Accept-Encoding": "identity"})


async def read(request: Request, limits: TransportLimits) -> GraphQLRequest:
    """Read a GraphQL request. Mutations are refused by GET."""
    if request.method == "POST":
        return read_request(decode(await _body(request, limits.body_bytes)))
    found = read_request({name: _parameter(name, value) for name, value in request.query_params.items() if value})
    if await in_thread(lambda: _is_mutation(found)):
        raise HttpRefusal(405, "Send mutations by POST.", {"Allow": "OPTIONS, POST"})
    return found


async def _body(request: Request, most: int) -> bytes:
    """Read the whole body, but refuse it as soon as it is known to be too long."""
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


def _parameter(name: str, value: str) -> object:
    return decode(value.encode()) if name in IN_JSON else value


def _is_mutation(request: GraphQLRequest) -> bool:
    """Whether the operation to run is a mutation. A document that cannot be parsed is refused later, with the reason."""
    try:
        operation = get_operation_ast(parse(request.query, no_location=True), request.operation_name)
    except GraphQLError:
        return False
    return operation is not None and operation.operation is Kind.MUTATION
