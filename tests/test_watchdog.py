"""What keeps a server alive under systemd, and what it says when it has no descriptors left."""

import asyncio
import resource
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.running.descriptors import DescriptorWatch
from app.running.watchdog import watchdog_of
from tests.support.processes import DEADLINE, serving

ALIVE = b"WATCHDOG=1"
TIMEOUT_SECONDS = 0.3


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket at which systemd takes signs of life."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as taken:
        taken.bind(str(tmp_path / "notify"))
        taken.setblocking(False)
        yield taken


async def beat(systemd: socket.socket) -> bytes:
    async with asyncio.timeout(DEADLINE):
        return await asyncio.get_running_loop().sock_recv(systemd, 100)


async def silence(systemd: socket.socket) -> None:
    """Wait until no sign of life has come for three times the time in which one is due."""
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(3 * TIMEOUT_SECONDS):
                await beat(systemd)


@pytest.mark.parametrize("workers", ["1", pytest.param("2", marks=pytest.mark.only("postgresql"))])
async def test_a_server_gives_signs_of_life_until_it_is_frozen(url: str, systemd: socket.socket, workers: str) -> None:
    variables = {"NOTIFY_SOCKET": systemd.getsockname(), "WATCHDOG_USEC": str(round(TIMEOUT_SECONDS * 1e6))}
    async with serving(url, variables=variables, workers=workers) as server:
        assert [await beat(systemd) for _ in range(3)] == [ALIVE] * 3
        if workers == "1":
            server.process.send_signal(signal.SIGSTOP)
            await silence(systemd)
            server.process.send_signal(signal.SIGCONT)
        assert await beat(systemd) == ALIVE


def test_only_the_process_that_systemd_watches_gives_signs_of_life() -> None:
    given = {"NOTIFY_SOCKET": "@muster", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "17"}
    watchdog = watchdog_of(given, 17)
    assert watchdog is not None
    assert watchdog.seconds == 1
    watchdog.beat()  # nobody is there to take it
    assert watchdog_of(given, 18) is None
    assert watchdog_of({**given, "WATCHDOG_USEC": ""}, 17) is None
    assert watchdog_of({}, 17) is None


def test_a_process_without_descriptors_says_so_once() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with capture_logs() as logs:
        watch = DescriptorWatch(most_sockets=1)
        watch.look()
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
        try:
            watch.look()
            watch.look()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        watch.look()
        DescriptorWatch(most_sockets=soft)
    assert [entry["event"] for entry in logs] == [
        "out of file descriptors",
        "file descriptors are free again",
        "fewer file descriptors than sockets",
    ]
