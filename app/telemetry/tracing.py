"""Traces by OpenTelemetry: a span for each HTTP request, each operation, and each piece of work that is done for one."""

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
    """Makes spans for what happens in this process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        # Without the texts of exceptions, in which a database may quote what it was given.
        self._span = partial(provider.get_tracer(SERVICE).start_as_current_span, record_exception=False, set_status_on_exception=False)
        self._incoming = TraceContextTextMapPropagator()

    def request(self, method: str, headers: Headers) -> AbstractContextManager[Span]:
        """A span around an HTTP request, which continues the trace that the client is in."""
        parent = self._incoming.extract({name: headers[name] for name in self._incoming.fields if name in headers})
        name = method if method in METHODS else "HTTP"
        return self._span(name, context=parent, kind=SpanKind.SERVER, attributes={"http.request.method": name})

    def operation(self) -> AbstractContextManager[Span]:
        """A span around an operation; it is named when it is known what the operation is."""
        return self._span("operation")

    @contextmanager
    def around(self, name: str, timer: AbstractContextManager[object]) -> Iterator[None]:
        """A span around a piece of work, unless it is done for nobody's request: the clock would fill traces with its steps."""
        with timer:
            if get_current_span().is_recording():
                with self._span(name):
                    yield
            else:
                yield

    def close(self) -> None:
        """Send the spans that are left, and make no more."""
        self._provider.shutdown()


def describe(span: Span, status: int) -> None:
    """Say how the request was answered."""
    span.set_attribute("http.response.status_code", status)
    if status >= SERVER_ERROR:
        span.set_status(StatusCode.ERROR)


def open_tracing() -> Tracing:
    """Tracing to the collector that the standard OTEL_ variables name."""
    named = Resource.create().merge(Resource({SERVICE_NAME: SERVICE})).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=named)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
