"""Runs a command: reads settings, configures logging, opens the services, and ends cleanly when a signal arrives."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeVar

from app.commands.terminal import note
from app.running.services import open_services
from app.settings import PREFIX, Settings, load_settings
from app.telemetry.logs import configure_logging
from models.engine.configuration import sqlite_path
from models.errors import DatabaseUnreachable
from resolvers.operation.context import Services

T = TypeVar("T")

ENDING = (signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = "Interrupted. Everything that was finished is kept."


def configured(**options: str | int | None) -> Settings:
    """Load the settings, with options taking precedence, and configure logging.

    Options are written into the environment, where worker processes find them too.
    """
    os.environ.update({f"{PREFIX}{name.upper()}": str(value) for name, value in options.items() if value is not None})
    settings = load_settings()
    configure_logging(settings)
    return settings


def require_database(settings: Settings) -> None:
    """Raise `DatabaseUnreachable` if the SQLite file does not exist, because SQLite would create an empty one."""
    if settings.database_url.startswith("sqlite:"):
        path = sqlite_path(settings.database_url)
        if not path.exists():
            raise DatabaseUnreachable(f"There is no database {path}. Create it with `muster migrate`, or check {PREFIX}DATABASE_URL.")


def run(work: Callable[[Services], Awaitable[T]]) -> T:
    """Open the services, run a command's work with them, and return its result."""
    settings = configured()
    require_database(settings)
    try:
        return asyncio.run(_with_services(settings, work))
    except KeyboardInterrupt:
        note(INTERRUPTED)
        raise


async def _with_services(settings: Settings, work: Callable[[Services], Awaitable[T]]) -> T:
    with _cancelled_by_signals():
        try:
            async with open_services(settings) as services:
                return await work(services)
        except Exception:
            # An interrupted statement can leave a connection on which neither rollback nor closing succeeds.
            task = asyncio.current_task()
            if task and task.cancelling():
                raise asyncio.CancelledError from None
            raise


@contextmanager
def _cancelled_by_signals() -> Iterator[None]:
    """Let signals that end the program cancel the current task first, so that it can clean up."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[int] = []

    def cancel(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if task is None or len(received) > 1:  # a second signal ends the program at once
            raise KeyboardInterrupt
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # wakes the loop, which may be waiting for events

    handled = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]  # nohup has SIGHUP ignored
    for number in handled:
        signal.signal(number, cancel)
    try:
        yield
    finally:
        for number in handled:
            signal.signal(number, signal.SIG_DFL)
        if received:
            with suppress(OSError):  # the terminal may be gone
                note(INTERRUPTED)
            signal.raise_signal(received[0])
