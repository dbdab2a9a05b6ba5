"""Noticing that the client of an HTTP request has gone, so that nothing more is done for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect
from starlette.types import Receive

LOOK_AFTER_SECONDS = 0.05  # most answers are ready before, and cost no task that waits for the client


@asynccontextmanager
async def while_connected(receive: Receive) -> AsyncIterator[None]:
    """Cancel what is awaited inside once the client has disconnected, and raise `ClientDisconnect`. Its body must have been read."""
    looking: set[asyncio.Task[None]] = set()
    loop, presence = asyncio.get_running_loop(), asyncio.timeout(None)

    def look() -> None:
        looking.add(asyncio.create_task(end_with_the_client()))

    async def end_with_the_client() -> None:
        await disconnected(receive)
        presence.reschedule(loop.time())

    timer = loop.call_later(LOOK_AFTER_SECONDS, look)
    try:
        async with presence:
            try:
                yield
            finally:
                timer.cancel()
                for task in looking:
                    task.cancel()
    except TimeoutError as gone:
        if not presence.expired():
            raise
        raise ClientDisconnect from gone


async def disconnected(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
