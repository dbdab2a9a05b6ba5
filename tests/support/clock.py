"""A wall clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class DrivenClock:
    """A wall clock that moves only when the test says so."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)


class DrivenProgress:
    """Seconds that pass only when the test says so, on a machine whose clock may say something else."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds
