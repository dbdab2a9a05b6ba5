"""Signs of life for systemd's watchdog, which restarts a server that is frozen: the protocol of sd_notify, over a socket of datagrams."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping

import structlog

ALIVE = b"WATCHDOG=1"
BEATS = 3  # in the time after which systemd restarts the server, so that a late one does no harm

log = structlog.get_logger(__name__)


class Watchdog:
    """A connection to systemd, which expects a sign of life within a time that it has set."""

    def __init__(self, address: str, timeout: float) -> None:
        self.seconds = timeout / BEATS
        self._address = f"\0{address[1:]}" if address.startswith("@") else address  # an abstract socket

    def beat(self) -> None:
        """Give a sign of life. Without systemd at the other end, nothing happens."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.setblocking(False)
            connection.sendto(ALIVE, self._address)


def watchdog_of(environment: Mapping[str, str], process_id: int) -> Watchdog | None:
    """Return the watchdog that systemd has set up for this process, or None. Processes that it starts inherit the variables."""
    address, microseconds = environment.get("NOTIFY_SOCKET", ""), environment.get("WATCHDOG_USEC", "")
    expected = environment.get("WATCHDOG_PID") or str(process_id)
    if not address or not microseconds.isdigit() or expected != str(process_id):
        return None
    return Watchdog(address, int(microseconds) / 1e6)


@contextlib.asynccontextmanager
async def beating() -> AsyncIterator[None]:
    """Give signs of life from the event loop while the context is open, so that one that is blocked gives none."""
    watchdog = watchdog_of(os.environ, os.getpid())
    if watchdog is None:
        yield
        return
    log.info("systemd watches this process", seconds=watchdog.seconds * BEATS)
    task = asyncio.create_task(_beat_forever(watchdog))
    try:
        yield
    finally:
        task.cancel()


async def _beat_forever(watchdog: Watchdog) -> None:
    while True:
        watchdog.beat()
        await asyncio.sleep(watchdog.seconds)


@contextlib.contextmanager
def beating_in_thread() -> Iterator[None]:
    """Give signs of life from a thread while the context is open, for a process without an event loop."""
    watchdog, over = watchdog_of(os.environ, os.getpid()), threading.Event()
    if watchdog is not None:
        threading.Thread(target=_beat_until, args=(watchdog, over), daemon=True).start()
    try:
        yield
    finally:
        over.set()


def _beat_until(watchdog: Watchdog, over: threading.Event) -> None:
    watchdog.beat()
    while not over.wait(watchdog.seconds):
        watchdog.beat()
