"""What every command begins with: settings from the environment and its options, logging, and an open database."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TypeVar

from app.logs import configure_logging
from app.services import open_services
from app.settings import PREFIX, Settings, load_settings
from app.terminal import note
from models.engine.database import sqlite_path
from models.errors import DatabaseUnreachable
from resolvers.operation.context import Services

T = TypeVar("T")

ENDING = (signal.SIGTERM, signal.SIGHUP)
INTERRUPTED = "Interrupted. What was finished before stays."


def configured(**options: str | int | None) -> Settings:
    """The settings, which options win over; they are put into the environment, where worker processes find them too."""
    os.environ.update({f"{PREFIX}{name.upper()}": str(value) for name, value in options.items() if value is not None})
    settings = load_settings()
    configure_logging(settings)
    return settings


def on_database(settings: Settings) -> Settings:
    """The settings, if there is a database: SQLite would make an empty one wherever a wrong path leads."""
    if settings.database_url.startswith("sqlite:"):
        path = sqlite_path(settings.database_url)
        if not path.exists():
            raise DatabaseUnreachable(f"There is no database {path}. Make it with `muster migrate`, or check {PREFIX}DATABASE_URL.")
    return settings


def run(work: Callable[[Services], Awaitable[T]]) -> T:
    """Do the work of a command with the services open, and return what it returns."""
    settings = on_database(configured())
    try:
        return asyncio.run(_with_services(settings, work))
    except KeyboardInterrupt:
        note(INTERRUPTED)
        raise


async def _with_services(settings: Settings, work: Callable[[Services], Awaitable[T]]) -> T:
    with _unwound_by_signals():
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
def _unwound_by_signals() -> Iterator[None]:
    """Let a signal that ends the program cancel the current task, as Ctrl-C does, and end the program when that has tidied up."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[int] = []

    def unwind(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if task is None or len(received) > 1:  # whoever sends two waits for nothing
            raise KeyboardInterrupt
        task.cancel()
        loop.call_soon_threadsafe(lambda: None)  # for it may be asleep

    heeded = [number for number in ENDING if signal.getsignal(number) is signal.SIG_DFL]  # nohup has one ignored
    for number in heeded:
        signal.signal(number, unwind)
    try:
        yield
    finally:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)
        if received:
            with suppress(OSError):  # the terminal may be what has gone
                note(INTERRUPTED)
            signal.raise_signal(received[0])
