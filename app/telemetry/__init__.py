"""What operators see of a running server: a line for each request, metrics, and traces; nothing here changes an answer."""

from contextlib import AbstractContextManager

from app.settings import Settings
from app.telemetry.metrics import Metrics
from app.telemetry.operations import Observer
from app.telemetry.tracing import Tracing, open_tracing


class Telemetry:
    """The instruments of one process, to be handed to whatever is observed."""

    def __init__(self, tracing: Tracing | None = None) -> None:
        self.metrics = Metrics()
        self.tracing = tracing
        self.operation = Observer(self.metrics, tracing)

    def work(self, name: str) -> AbstractContextManager[object]:
        """Measure a piece of work, and show it in the trace of the request that it is done for."""
        timer = self.metrics.work(name)
        return timer if self.tracing is None else self.tracing.around(name, timer)

    def close(self) -> None:
        """Send what has not been sent yet."""
        if self.tracing:
            self.tracing.close()


def open_telemetry(settings: Settings) -> Telemetry:
    """The instruments that the settings ask for; metrics are always kept, because keeping them costs next to nothing."""
    return Telemetry(open_tracing() if settings.tracing else None)
