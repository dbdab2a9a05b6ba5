"""Stops a server process in two steps, between the signal and the moment at which uvicorn stops listening."""

import asyncio
import multiprocessing
import signal
from collections.abc import Callable
from types import FrameType
from typing import Protocol

Handler = Callable[[int, FrameType | None], object]

STOPPING = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """An object that can be stopped in two steps."""

    def drain(self) -> None:
        """Report that it will stop, and keep answering."""

    def close(self) -> None:
        """End everything that would keep it from stopping."""


def stop_in_two_steps(server: Stoppable, drain_seconds: float) -> None:
    """Install signal handlers that first drain the server and then end its streams.

    uvicorn notifies the application only after its clients have gone, and clients of streams do not go by themselves. A second
    signal cuts the draining short.
    """
    stop = _Stop(server, drain_seconds)
    for number in STOPPING:
        previous = signal.getsignal(number)
        if callable(previous):
            stop.previous[number] = previous
            signal.signal(number, stop)


class _Stop:
    """A signal handler that drains first and then closes."""

    def __init__(self, server: Stoppable, drain_seconds: float) -> None:
        self._server = server
        self._drain_seconds = drain_seconds
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._is_draining = False
        self.previous: dict[int, Handler] = {}

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._drain_seconds and not self._is_draining:
            self._is_draining = True
            self._loop.call_soon_threadsafe(self._drain, number)
        else:
            self._loop.call_soon_threadsafe(self._close)
            self.previous[number](number, frame)

    def _drain(self, number: int) -> None:
        self._server.drain()
        self._timer = self._loop.call_later(self._drain_seconds, self, number, None)

    def _close(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._server.close()


def stop_without_supervisor() -> None:
    """End this worker process when its parent process ends, for whatever reason."""
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        return
    loop, ended = asyncio.get_running_loop(), supervisor.sentinel

    def stop() -> None:
        loop.remove_reader(ended)
        signal.raise_signal(signal.SIGTERM)

    loop.add_reader(ended, stop)
