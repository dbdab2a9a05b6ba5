"""Traces with OpenTelemetry: a span for each HTTP request, each operation, and the work done for them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers

SERVICE = "muster"
SERVER_ERROR = 500
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Tracing:
    """Creates spans for this process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        # Messages of exceptions are left out, because databases quote values in them.
        self._span = partial(provider.get_tracer(SERVICE).start_as_current_span, record_exception=False, set_status_on_exception=False)
        self._incoming = TraceContextTextMapPropagator()

    def request(self, method: str, headers: Headers) -> AbstractContextManager[Span]:
        """Open a span for an HTTP request that continues the client's trace."""
        parent = self._incoming.extract({name: headers[name] for name in self._incoming.fields if name in headers})
        name = method if method in METHODS else "HTTP"
        return self._span(name, context=parent, kind=SpanKind.SERVER, attributes={"http.request.method": name})

    def operation(self) -> AbstractContextManager[Span]:
        """Open a span for an operation. It is renamed when the operation is known."""
        return self._span("operation")

    @contextmanager
    def around(self, name: str, timer: AbstractContextManager[object]) -> Iterator[None]:
        """Open a span around a piece of work, but only within a request, because background jobs would fill the traces."""
        with timer:
            if get_current_span().is_recording():
                with self._span(name):
                    yield
            else:
                yield

    def close(self) -> None:
        """Send the remaining spans, and create no more."""
        self._provider.shutdown()


def describe(span: Span, status: int) -> None:
    """Record the status of the answer."""
    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


def open_tracing() -> Tracing:
    """Create tracing to the collector in the standard OTEL_ variables."""
    named = Resource.create().merge(Resource({SERVICE_NAME: SERVICE})).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
