"""The counters and histograms that docs/operations.md explains. Every label has a bounded set of values."""

from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, GCCollector, Histogram, PlatformCollector, ProcessCollector, generate_latest

from app.telemetry.document import OperationLabels
from app.telemetry.gauges import Gauges

QUICK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)  # seconds
STATUSES = frozenset(map(str, (200, 204, 400, 401, 403, 404, 405, 406, 413, 415, 429, 500, 503)))
OTHER = "other"


class Metrics:
    """The metrics of one process, in their own registry."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self._requests = Counter("muster_http_requests", "HTTP requests, by status of the answer.", ["status"], registry=registry)
        self._operations = Histogram(
            "muster_operation_duration_seconds",
            "Time to the answer of a query or mutation, and to the first message of a subscription, by kind and root field.",
            ["kind", "field"],
            buckets=QUICK,
            registry=registry,
        )
        self._errors = Counter("muster_operation_errors", "Errors in answers, by their code.", ["code"], registry=registry)
        self._work = Histogram(
            "muster_work_duration_seconds",
            "Time that transactions, matching after a write and the hub's looks took.",
            ["work"],
            buckets=QUICK,
            registry=registry,
        )
        self.gauges = Gauges(registry)
        for standard in (ProcessCollector, PlatformCollector, GCCollector):
            standard(registry=registry)

    def answered(self, status: int) -> None:
        """Count an answered HTTP request."""
        text = str(status)
        self._requests.labels(text if text in STATUSES else OTHER).inc()

    def executed(self, labels: OperationLabels, seconds: float) -> None:
        """Record the time to the first answer of an operation."""
        self._operations.labels(labels.kind, labels.field).observe(seconds)

    def failed(self, code: str) -> None:
        """Count an error in an answer."""
        self._errors.labels(code).inc()

    def work(self, name: str) -> AbstractContextManager[object]:
        """Measure the time that the context is open."""
        return self._work.labels(name).time()

    def written(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)
