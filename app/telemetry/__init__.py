"""Observes a running server without changing its answers: request log, metrics and traces."""

from contextlib import AbstractContextManager

from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.operations import Observer
from app.telemetry.tracing import Tracing, open_tracing


class Telemetry:
    """The metrics and traces of one process."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.metrics = Metrics()
        self.tracing = tracing
        self.operation = Observer(self.metrics, tracing)

    def work(self, name: str) -> AbstractContextManager[object]:
        """Measure a piece of work, and add a span to the trace of the current request."""
        timer = self.metrics.work(name)
        return timer if self.tracing is None else self.tracing.around(name, timer)

    def close(self) -> None:
        """Send the remaining spans."""
        if self.tracing:
            self.tracing.close()


def open_telemetry(settings: Settings) -> Telemetry:
    """Create the telemetry in the settings. Metrics are always collected, because that costs next to nothing."""
    return Telemetry(open_tracing() if settings.tracing else None)
