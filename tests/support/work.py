"""Counts the work of this process in a way that is the same on every machine: calls of Python and steps of SQLite."""

import asyncio
import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from types import FrameType
from typing import Any

STEPS = 200  # of SQLite's virtual machine between two reports
STEPS_OF_A_CALL = 5  # steps that take as long as one call of Python: 0.08 and 0.4 microseconds where both were measured


class WorkCounter:
    """Counts what is done while `counting`: in Python by this thread and those that the event loop gives work to, and by SQLite.

    SQLite's steps are counted in the connections that were opened by `connect`.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.steps = 0
        self._connect = sqlite3.connect

    @property
    def work(self) -> int:
        """All that was counted, in calls of Python."""
        return self.calls + self.steps // STEPS_OF_A_CALL

    def connect(self, *arguments: Any, **options: Any) -> sqlite3.Connection:
        """Open a connection as `sqlite3.connect` does, and count its steps."""
        opened: sqlite3.Connection = self._connect(*arguments, **options)
        opened.set_progress_handler(self._step, STEPS)
        return opened

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count from zero what is done inside. The event loop must be running."""
        self.calls = self.steps = 0
        loop = asyncio.get_running_loop()
        threading.setprofile(self._call)
        sys.setprofile(self._call)
        try:
            with ThreadPoolExecutor() as threads:  # new ones, which are counted from their beginning
                loop.set_default_executor(threads)
                yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            loop.set_default_executor(ThreadPoolExecutor())

    def _step(self) -> int:
        self.steps += STEPS
        return 0  # anything else would interrupt the statement

    def _call(self, _frame: FrameType, event: str, _argument: object) -> None:
        self.calls += event in ("call", "c_call")
