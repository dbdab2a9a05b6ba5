"""Starting the real `muster`: a process of its own each time, without the seconds that importing it takes."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]  # of the tree that is tested, wherever a program is started
MUSTER = "app.cli"
LENGTH_BYTES = 4  # of a request, before it
NEWS_BYTES = 2**5
CLOSING_SECONDS = 1.0  # in which a program that has ended is read to its end; processes of its own may have its pipes
UNREAD_BYTES = 2**26  # that are kept: a program that writes less never waits for its reader


@cache
def _requests(module: str) -> socket.socket:
    """The socket at which a module's launcher takes requests. The launcher starts with the first request and ends with this process."""
    here, there = socket.socketpair()
    launcher = subprocess.Popen(
        [sys.executable, "-m", "tests.support.launcher", str(there.fileno()), module],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[there.fileno()],
        start_new_session=True,
    )
    there.close()

    def end() -> None:
        here.close()
        launcher.wait()

    atexit.register(end)
    return here


@cache
def _nowhere() -> str:
    """An empty directory. In the one where tests are run, a developer may have an `.env`."""
    directory = tempfile.TemporaryDirectory(prefix="muster-programs-")
    atexit.register(directory.cleanup)
    return directory.name


class Output(asyncio.StreamReaderProtocol):
    """What a program writes to one of its standard streams."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.reader = asyncio.StreamReader(limit=UNREAD_BYTES)
        self.ended = loop.create_future()
        super().__init__(self.reader, loop=loop)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended.set_result(None)


@dataclass
class Program:
    """A running program. `stdout` and `stderr` are there if they were asked for."""

    pid: int
    _news: socket.socket
    _outputs: dict[str, tuple[asyncio.ReadTransport, Output]]
    _code: int | None = None

    @property
    def stdout(self) -> asyncio.StreamReader:
        return self._outputs["stdout"][1].reader

    @property
    def stderr(self) -> asyncio.StreamReader:
        return self._outputs["stderr"][1].reader

    @property
    def returncode(self) -> int | None:
        """The exit code, or less than zero for the signal that ended it. None while it runs."""
        if self._code is None:
            with suppress(BlockingIOError):
                self._take(self._news.recv(NEWS_BYTES))
        return self._code

    def _take(self, news: bytes) -> None:
        self._code = int(news)
        self._news.close()

    async def wait(self) -> int:
        """Wait until it has ended, and return the exit code."""
        if self.returncode is None:
            self._take(await asyncio.get_running_loop().sock_recv(self._news, NEWS_BYTES))
        assert self._code is not None
        for transport, output in self._outputs.values():
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(output.ended), CLOSING_SECONDS)
            transport.close()
        return self._code

    async def communicate(self) -> tuple[bytes, bytes]:
        """Wait until it has ended, and return what it wrote to standard output and standard error."""
        output, errors = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return output, errors

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


async def start(
    *arguments: str,
    environment: Mapping[str, str],
    directory: Path | None = None,
    piped: Sequence[str] = ("stdout", "stderr"),
    module: str = MUSTER,
) -> Program:
    """Start `muster`, or another module's `main`, with these arguments, in an empty directory unless one is given.

    Standard streams that are not piped are those of the tests.
    """
    here, there = socket.socketpair()
    here.setblocking(False)
    outputs: dict[str, tuple[asyncio.ReadTransport, Output]] = {}
    with there, ExitStack() as opened:
        standard = {"stdout": 1, "stderr": 2}
        for name in piped:
            reading, standard[name] = os.pipe()
            opened.callback(os.close, standard[name])
            outputs[name] = await asyncio.get_running_loop().connect_read_pipe(Output, os.fdopen(reading, "rb", 0))
        request = {"arguments": arguments, "environment": dict(environment), "directory": str(directory or _nowhere())}
        _send(_requests(module), json.dumps(request).encode(), [*standard.values(), there.fileno()])
    pid = int(await asyncio.get_running_loop().sock_recv(here, NEWS_BYTES))
    return Program(pid, here, outputs)


def _send(requests: socket.socket, request: bytes, descriptors: list[int]) -> None:
    socket.send_fds(requests, [len(request).to_bytes(LENGTH_BYTES)], descriptors)
    requests.sendall(request)
