"""A timer that is restarted all the time and seldom goes off: for heartbeats and deadlines of sending."""

import asyncio
from collections.abc import Callable


class RestartableTimer:
    """Goes off when so many seconds have passed since it was last set.

    Setting it again does not touch the timer of the event loop, which checks the time anew when it fires.
    """

    __slots__ = ("_call", "_due", "_seconds", "_timer", "went_off")

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self.went_off = False
        self._seconds = seconds
        self._call = call
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self) -> None:
        """Go off in so many seconds from now, and not before."""
        loop = asyncio.get_running_loop()
        self.went_off = False
        self._due = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(self._due, self._fire)

    def unset(self) -> None:
        """Do not go off until it is set again."""
        self._due = None

    def close(self) -> None:
        """Never go off, and leave no timer behind."""
        self._due = None
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        if self._due is None:
            return
        if loop.time() < self._due:
            self._timer = loop.call_at(self._due, self._fire)
            return
        self.went_off = True
        self._call()
