"""Counts per time window, in the memory of this process."""

from collections.abc import Callable
from dataclasses import dataclass

from limits.aio.storage import Storage

MOST_WINDOWS = 100_000  # some tens of megabytes. Beyond that the oldest windows are dropped
SWEEP_SECONDS = 60.0

Clock = Callable[[], float]


@dataclass(slots=True)
class _Window:
    """A window and its count."""

    ends: float
    count: int = 0


class ProcessWindows(Storage):
    """A storage for the `limits` library whose operations take constant time.

    The library's own memory storage scans all windows at every operation, so many addresses at once could slow down everybody.
    """

    STORAGE_SCHEME = None  # it is created directly, not from a URL

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[str, _Window] = {}
        self._sweep_at = clock() + SWEEP_SECONDS

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Exceptions of the storage, of which there are none."""
        return ()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to the count of this key's window, opening a window if there is none."""
        self._make_room()
        window = self._open(key)
        if window is None:
            self._windows.pop(key, None)
            window = self._windows[key] = _Window(self._clock() + expiry)
        window.count += amount
        return window.count

    async def get(self, key: str) -> int:
        """Return the count of the open window."""
        window = self._open(key)
        return window.count if window else 0

    async def get_expiry(self, key: str) -> float:
        """Return the time at which the open window ends."""
        window = self._open(key)
        return window.ends if window else self._clock()

    async def check(self) -> bool:
        """Whether the storage is available."""
        return True

    async def reset(self) -> int:
        """Delete all windows and return their number."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Delete the window of this key."""
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
