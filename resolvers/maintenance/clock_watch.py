"""Comparing this machine's clock with the database's clock and with the time that has passed, so that a wrong clock is noticed."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import structlog

from models.fields import to_microseconds
from resolvers.membership.clock import ClockReading
from resolvers.operation.context import WallClock

Progress = Callable[[], float]
"""Seconds that have passed since some moment, which no change of the system clock affects."""

SECOND = 1_000_000  # microseconds
MOST_JUMP_SECONDS = 3_600.0
MOST_SKEW_SECONDS = 10.0  # ahead of the database: above what NTP leaves, below the lag at which other processes stop being ready
CATCH_UP = 2  # after an outage, deleting old rows catches up in as much time as the outage lasted
OUTAGE_SECONDS = 3_600.0  # above which a start is logged

_MACHINE_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # the former, on Linux, also counts suspended time

log = structlog.get_logger(__name__)


def machine_seconds() -> float:
    """Return the seconds since this machine started."""
    return time.clock_gettime(_MACHINE_CLOCK)


class Look(NamedTuple):
    """The time of this machine's clock, and by how many microseconds it lets the confirmed time move."""

    at: datetime
    passed: int


class _Confirmed(NamedTuple):
    """A time of this machine's clock that was accepted, and the progress at that moment."""

    wall: int
    progress: float


class ClockWatch:
    """Notices that this machine's clock is wrong. While it is, `problem` is a sentence, and nothing may follow this clock.

    The first look is compared with the database's clock only, so that a process that starts after an outage catches up. Later looks are
    also compared with the time that has passed since the last accepted look.
    """

    def __init__(self, wall_clock: WallClock, progress: Progress = machine_seconds, *, most_jump: float = MOST_JUMP_SECONDS) -> None:
        self._wall_clock = wall_clock
        self._progress = progress
        self._most_jump = most_jump
        self._confirmed: _Confirmed | None = None
        self.problem: str | None = None
        self.jump = 0.0  # seconds by which the clock is ahead of what can be confirmed

    def look(self, stored: ClockReading) -> Look:
        """Compare the clocks, and update `problem`."""
        at, progress = self._wall_clock(), self._progress()
        wall = to_microseconds(at)
        self._note(*self._compared(wall, progress, stored.database_time))
        if self.problem:
            return Look(at, 0)
        return Look(at, self._accept(_Confirmed(wall, progress), stored))

    def _compared(self, wall: int, progress: float, database_time: int | None) -> tuple[float, str | None]:
        """Return by how many seconds the clock is ahead, and the problem if that is too much."""
        skew = 0.0 if database_time is None else (wall - database_time) / SECOND
        if skew > MOST_SKEW_SECONDS:
            return skew, f"This machine's clock is {skew:.0f} seconds ahead of the database's clock: let both follow NTP."
        jump = self._drift(wall, progress)
        if jump > self._most_jump:
            return jump, (
                f"This machine's clock has jumped ahead by {jump:.0f} seconds, so groups stand still and nothing is pruned. "
                "Correct the clock. If the new time is right, restart the server."
            )
        return 0.0, None

    def _drift(self, wall: int, progress: float) -> float:
        """Return by how many seconds the clock has moved more than time has passed."""
        if self._confirmed is None:
            return 0.0
        return (wall - self._confirmed.wall) / SECOND - (progress - self._confirmed.progress)

    def _accept(self, seen: _Confirmed, stored: ClockReading) -> int:
        """Remember an accepted look, and return the microseconds by which the confirmed time may move."""
        last = self._confirmed
        if seen.wall < stored.now:  # a clock that is still behind, as after a start without battery, confirms nothing
            return 0
        self._confirmed = seen
        if last is None:
            _log_outage((seen.wall - stored.settled) / SECOND)
            return 0
        return round((seen.progress - last.progress) * CATCH_UP * SECOND)

    def _note(self, jump: float, problem: str | None) -> None:
        if problem and not self.problem:
            log.error("the logical clock stands still", reason=problem)
        if self.problem and not problem:
            log.info("the logical clock follows this machine's clock again")
        self.jump, self.problem = jump, problem


def _log_outage(seconds: float) -> None:
    if seconds > OUTAGE_SECONDS:
        hint = "If no outage was that long, this machine's clock is wrong: stop the servers, correct it, and see `muster clock`."
        log.warning("catching up with the time since the last step", seconds=round(seconds), hint=hint)
