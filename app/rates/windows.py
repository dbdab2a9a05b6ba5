"""Windows of time in which something is counted, in the memory of this process."""

from collections.abc import Callable
from dataclasses import dataclass

from limits.aio.storage import Storage

MOST_WINDOWS = 100_000  # some tens of megabytes; beyond that the oldest are forgotten
SWEEP_SECONDS = 60.0

Clock = Callable[[], float]


@dataclass(slots=True)
class _Window:
    """What was counted since it opened."""

    ends: float
    count: int = 0


class ProcessWindows(Storage):
    """A storage of the library whose steps take the same time however many windows are open.

    The library's own looks through all of them at every step, so that many addresses at once could slow everybody down.
    """

    STORAGE_SCHEME = None  # it is handed over, never found by a URL

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._sweep_at = clock() + SWEEP_SECONDS

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Memory is always at hand."""
        return ()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in the window of this key, which opens now if it is not open."""
        self._make_room()
        window = self._open(key)
        if window is None:
            self._windows.pop(key, None)
            window = self._windows[key] = _Window(self._clock() + expiry)
        window.count += amount
        return window.count

    async def get(self, key: str) -> int:
        """The count of the open window."""
        window = self._open(key)
        return window.count if window else 0

    async def get_expiry(self, key: str) -> float:
        """When the open window ends."""
        window = self._open(key)
        return window.ends if window else self._clock()

    async def check(self) -> bool:
        """Whether it can count."""
        return True

    async def reset(self) -> int:
        """Forget every window."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one window."""
        self._windows.pop(key, None)

    def _open(self, key: str) -> _Window | None:
        window = self._windows.get(key)
        return window if window and window.ends > self._clock() else None

    def _make_room(self) -> None:
        now = self._clock()
        if now >= self._sweep_at:
            self._windows = {key: window for key, window in self._windows.items() if window.ends > now}
            self._sweep_at = now + SWEEP_SECONDS
        if len(self._windows) >= MOST_WINDOWS:
            del self._windows[next(iter(self._windows))]
