"""A real server to measure, in processes of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

SERVE = (sys.executable, "-m", "app.cli", "serve")
START_SECONDS = 60.0
UNLIMITED = {"MUSTER_RATE_LIMIT_POINTS": "0", "MUSTER_RATE_LIMIT_REQUESTS": "0"}  # one address with one token asks for everything


class Served(NamedTuple):
    """A running server: its port and the id of its process."""

    port: int
    process_id: int


@asynccontextmanager
async def serving(url: str, workers: int = 1, **variables: str) -> AsyncIterator[int]:
    """Serve this database, with these variables besides, and yield the port once it answers."""
    async with served(url, Path(), UNLIMITED | {"MUSTER_WORKERS": str(workers)} | variables) as server:
        yield server.port


@asynccontextmanager
async def served(url: str, tree: Path, variables: dict[str, str]) -> AsyncIterator[Served]:
    """Serve this database with the code in a directory, and yield the server once it answers."""
    port = _free_port()
    environment = os.environ | {"MUSTER_DATABASE_URL": url, "MUSTER_LOG_LEVEL": "warning"} | variables
    process = await asyncio.create_subprocess_exec(*SERVE, "--port", str(port), env=environment, stdout=asyncio.subprocess.PIPE, cwd=tree)
    try:
        async with asyncio.timeout(START_SECONDS):
            await _until_announced(process)
        yield Served(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _until_announced(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None  # noqa: S101  # it was asked for
    while line := await process.stdout.readline():
        if b"/graphql" in line:
            return
    raise SystemExit("the server ended before it answered")
