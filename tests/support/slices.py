"""Counting what an event loop does in one go: the calls of Python between two looks for new events."""

import asyncio
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from models.event_loop import pace

CALL_SECONDS = 2.5e-7  # of a call, its body included, on an idle machine: 4,000 calls take a millisecond
CALLS = frozenset({"call", "c_call"})
SHOWN = 12  # calls of a stack


@dataclass
class Slices:
    """The longest slice of an event loop, in calls, and what ran when it was longer than any before by a tenth."""

    longest: int = 0
    stack: str = ""
    calls: int = 0
    """In the present slice."""
    total: int = 0
    shown: int = field(default=2_000, repr=False)

    def count(self, frame: FrameType, event: str, _argument: object) -> None:
        """Count one event of `sys.setprofile`."""
        if event in CALLS:
            self.calls += 1
            if self.calls > self.shown:
                self.shown = self.shown * 11 // 10
                self.stack = "".join(traceback.format_stack(frame, SHOWN))

    def end(self) -> None:
        """Begin the next slice."""
        self.longest = max(self.longest, self.calls)
        self.total += self.calls
        self.calls = 0


@contextmanager
def counted_slices() -> Iterator[Slices]:
    """Count the calls of the running event loop by slices. Its pauses go by calls instead of by time, as everywhere else."""
    loop: Any = asyncio.get_running_loop()
    slices, selector, ours = Slices(), loop._selector, pace()
    looking = selector.select

    def look(timeout: float | None = None) -> object:
        slices.end()
        return looking(timeout)

    selector.select = look
    ours.clock = lambda: (slices.total + slices.calls) * CALL_SECONDS
    before = sys.getprofile()
    sys.setprofile(slices.count)
    try:
        yield slices
    finally:
        sys.setprofile(before)
        slices.end()
        del selector.select, ours.clock
