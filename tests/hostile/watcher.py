"""Watches an event loop from a thread: how long it stands still, how much of that it works, and at what."""

import asyncio
import json
import sys
import threading
import time
import traceback
from dataclasses import asdict, dataclass, field
from pathlib import Path

BEAT_SECONDS = 0.005
NOTED_SECONDS = 0.04  # without a beat, after which the stack is written down
HUNG_SECONDS = 5.0  # without a beat, after which a stall is written although it has not ended, because it may never end
SHOWN = 14  # calls of a stack


@dataclass(frozen=True)
class Stall:
    """A time in which the event loop did not look for new events."""

    seconds: float
    worked: float
    """Seconds of processor time of the event loop's thread. The rest is waiting for a processor or for another thread."""
    stack: list[str] = field(default_factory=list)


class LoopWatcher(threading.Thread):
    """Writes every stall of the event loop that creates it to a file, a line each."""

    def __init__(self, report: Path) -> None:
        super().__init__(daemon=True)
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._beaten, self._worked = time.perf_counter(), time.thread_time()
        self._stack: list[str] = []
        self._hung = 0.0
        self._beat()

    def _beat(self) -> None:
        now, worked = time.perf_counter(), time.thread_time()
        if now - self._beaten - BEAT_SECONDS > NOTED_SECONDS:
            self._write(Stall(now - self._beaten - BEAT_SECONDS, worked - self._worked, self._stack))
        self._beaten, self._worked, self._stack = now, worked, []
        self._loop.call_later(BEAT_SECONDS, self._beat)

    def _write(self, stall: Stall) -> None:
        with self._report.open("a") as file:
            file.write(json.dumps(asdict(stall)) + "\n")

    def run(self) -> None:
        """Write down what the event loop does whenever it is late."""
        while True:
            time.sleep(BEAT_SECONDS)
            late = time.perf_counter() - self._beaten
            if late > NOTED_SECONDS and not self._stack and (frame := sys._current_frames().get(self._watched)):
                found = traceback.extract_stack(frame, SHOWN)
                self._stack = [f"{'/'.join(Path(each.filename).parts[-3:])}:{each.lineno} {each.name}" for each in found]
            if late > HUNG_SECONDS and self._hung != self._beaten:
                self._hung = self._beaten
                worked = time.clock_gettime(time.pthread_getcpuclockid(self._watched)) - self._worked
                self._write(Stall(late, worked, self._stack))
