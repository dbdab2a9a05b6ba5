"""A real server to measure, in processes of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

SERVE = (sys.executable, "-m", "app.cli", "serve")
START_SECONDS = 60.0
UNLIMITED = {"MUSTER_RATE_LIMIT_POINTS": "0", "MUSTER_RATE_LIMIT_REQUESTS": "0"}  # one address with one token asks for everything


@asynccontextmanager
async def serving(url: str, workers: int = 1, **variables: str) -> AsyncIterator[int]:
    """Serve this database, with these variables besides, and yield the port once it answers."""
    port = _free_port()
    environment = (
        os.environ | UNLIMITED | {"MUSTER_DATABASE_URL": url, "MUSTER_WORKERS": str(workers), "MUSTER_LOG_LEVEL": "warning"} | variables
    )
    process = await asyncio.create_subprocess_exec(*SERVE, "--port", str(port), env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(START_SECONDS):
            await _until_announced(process)
        yield port
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
