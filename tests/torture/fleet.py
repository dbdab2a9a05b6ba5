"""The server processes of one database: killed and started again while clients go on asking."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx

from tests.support.processes import DEADLINE, Server, environment, serving
from tests.support.programs import start

SERVE = "tests.deals.serve"  # the product with deals, whose record types the clients draw from
PATIENCE = 4 * DEADLINE  # while servers are killed again and again
SETTINGS = {"clock_interval_seconds": "0.1", "heartbeat_seconds": "0.5", "build_online_above": "10", "log_level": "error"}


class Fleet:
    """A number of servers on one database, some of which may be down."""

    def __init__(self, url: str, token: str, chance: random.Random) -> None:
        self.url = url
        self.token = token
        self.shaken = False  # whether the database itself is being restarted
        self._chance = chance
        self._running: list[tuple[Server, AsyncExitStack]] = []
        self._grown = asyncio.Event()
        self._client = httpx.AsyncClient(timeout=DEADLINE, headers={"Authorization": f"Bearer {token}"}, trust_env=False)

    @asynccontextmanager
    async def manned(self, size: int) -> AsyncIterator[None]:
        """So many servers are up at first. None is left at the end."""
        try:
            for _ in range(size):
                await self.start()
            yield
        finally:
            while self._running:
                await self.kill()
            await self._client.aclose()

    async def start(self) -> None:
        """Start one more server, and return when it answers."""
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(serving(self.url, port=0, variables=None, program=SERVE, **SETTINGS))
            self._running.append((server, stack.pop_all()))
            self._grown.set()

    async def kill(self) -> None:
        """Kill any one server, which nobody asks from this moment on."""
        server, stack = self._running.pop(self._chance.randrange(len(self._running)))
        if not self._running:
            self._grown.clear()
        async with stack:
            await server.stop(signal.SIGKILL)

    async def start_in_vain(self, delay: float) -> None:
        """Start a server and kill it after so many seconds, wherever it is by then."""
        process = await start("serve", environment=environment(self.url, **SETTINGS), piped=["stdout"], module=SERVE)
        try:
            async with asyncio.timeout(delay):
                await process.wait()
            raise AssertionError("the server ended by itself")
        except TimeoutError:
            process.kill()
            await process.wait()

    async def any(self) -> Server:
        """Any server that is up, as soon as there is one."""
        async with asyncio.timeout(PATIENCE):
            await self._grown.wait()
        return self._chance.choice(self._running)[0]

    async def ask(self, query: str, **variables: Any) -> dict[str, Any] | None:
        """The data of an operation. None where nobody knows whether it was carried out."""
        server = await self.any()
        try:
            response = await self._client.post(server.url, json={"query": query, "variables": variables})
        except httpx.TimeoutException:
            raise
        except httpx.TransportError:
            return None
        answer: dict[str, Any] = response.json()
        if "errors" not in answer:
            data: dict[str, Any] = answer["data"]
            return data
        assert self.shaken or [error["extensions"]["code"] for error in answer["errors"]] == ["CONFLICT"], answer
        return None
