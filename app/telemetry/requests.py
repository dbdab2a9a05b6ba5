"""Observes every request: an id shared by log and client, an access log line, a count, and a span."""

import re
import secrets
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter

import structlog
from opentelemetry.trace import Span
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bound_contextvars, unbind_contextvars

from app.graphql.transport.accept import EVENTS
from app.health.probes import PROBES
from app.telemetry.gauges import Gauges
from app.telemetry.metrics import Metrics
from app.telemetry.operations import BOUND
from app.telemetry.tracing import Tracing, describe

REQUEST_ID = "x-request-id"
SANE = re.compile(r"[\w.:/+=-]{8,128}", re.ASCII)  # covers the ids that proxies create, but no characters that could forge a log line
LONGEST_PATH = 200  # characters that are logged
SWITCHED = 101  # the status of a WebSocket handshake
ABORTED = 499  # the status that proxies log if a client disconnects before the answer

log = structlog.get_logger("muster.access")


class ObservedRequests:
    """ASGI middleware that observes requests."""

    def __init__(self, application: ASGIApp, metrics: Metrics, tracing: Tracing | None, *, access_log: bool) -> None:
        self._application = application
        self._metrics = metrics
        self._tracing = tracing
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "lifespan":
            await self._application(scope, receive, send)
            return
        serve = self._socket if scope["type"] == "websocket" else self._request
        request_id, began = request_id_of(Headers(scope=scope)), perf_counter()
        with bound_contextvars(request_id=request_id):
            status = await serve(scope, receive, _Answering(send, request_id, self._metrics.gauges))
            if self._access_log and scope["path"] not in PROBES:
                milliseconds = round((perf_counter() - began) * 1000, 1)
                log.info("request", method=scope.get("method", "WEBSOCKET"), path=path_of(scope), status=status, milliseconds=milliseconds)
            unbind_contextvars(*BOUND)

    async def _socket(self, scope: Scope, receive: Receive, answering: "_Answering") -> int:
        with self._metrics.gauges.sockets.track_inprogress():
            await self._application(scope, receive, answering.send)
        return SWITCHED

    async def _request(self, scope: Scope, receive: Receive, answering: "_Answering") -> int:
        try:
            with self._span(scope) as span:
                await self._application(scope, receive, answering)
                if span:
                    describe(span, answering.status)
        finally:
            answering.end()
            self._metrics.answered(answering.status)
        return answering.status

    def _span(self, scope: Scope) -> AbstractContextManager[Span | None]:
        if self._tracing is None or scope["path"] in PROBES:
            return nullcontext()
        return self._tracing.request(scope["method"], Headers(scope=scope))


class _Answering:
    """Adds the request id to an answer, and remembers its status."""

    def __init__(self, send: Send, request_id: str, gauges: Gauges) -> None:
        self.send = send
        self.status = ABORTED
        self._request_id = request_id
        self._streams = gauges.event_streams
        self._is_stream = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._begin(message)
        await self.send(message)

    def _begin(self, message: Message) -> None:
        headers = MutableHeaders(raw=list(message.get("headers", ())))
        headers[REQUEST_ID] = self._request_id
        message["headers"] = headers.raw
        self.status = message["status"]
        if headers.get("content-type", "").startswith(EVENTS):
            self._is_stream = True
            self._streams.inc()

    def end(self) -> None:
        """Record that the answer is complete."""
        if self._is_stream:
            self._streams.dec()


def request_id_of(headers: Headers) -> str:
    """Return the id that the client or a proxy gave the request, or a new one if it has no valid id."""
    given = headers.get(REQUEST_ID, "")
    return given if SANE.fullmatch(given) else secrets.token_hex(8)


def path_of(scope: Scope) -> str:
    """Return the path as sent, percent-encoded and without the query, so that it has no control characters or secrets."""
    sent: bytes = scope.get("raw_path") or b""
    return sent.partition(b"?")[0].decode("ascii", "backslashreplace")[:LONGEST_PATH]
