"""A bus over a connection that may break: kept open, proved by its own echo, and opened again after each loss."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from subscriptions.bus import Receive
from subscriptions.bus.words import gap, spoken, understood

COALESCE_SECONDS = 0.01
QUIET_SECONDS = 10.0  # after which a connection is proved by saying something
ANSWER_SECONDS = 5.0  # after which a connection that does not open, or has no echo, is given up
FIRST_PAUSE_SECONDS = 0.1  # at most; each is drawn at random, so that processes do not return in step
LONGEST_PAUSE_SECONDS = 5.0


class Line(Protocol):
    """An open connection on which a process hears all that is said, its own words among them."""

    async def say(self, message: str) -> None:
        """Say it to every process."""

    async def until_lost(self) -> None:
        """Listen; raises when the connection is lost."""


Open = Callable[[Callable[[str], None]], contextlib.AbstractAsyncContextManager[Line]]
"""Opens a line on which every message, from now on, is passed to the given function."""


class RemoteBus:
    """Hints over a line, coalesced, so that no writer ever waits for it; without the line they are simply lost.

    Whenever a line has been opened, this process looks at all its groups and asks the others to do the same: nobody knows
    what was said meanwhile.
    """

    def __init__(self, open_line: Open, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._open_line = open_line
        self._answer_seconds = answer_seconds
        self._speaker = secrets.token_hex(4)
        self._pending: set[int] = set()
        self._woken = asyncio.Event()
        self._echo = asyncio.Event()
        self._open = False
        self._proved = False
        self._missed = False

    def publish(self, group_ids: Iterable[int]) -> None:
        """Remember the groups for the next message."""
        if self._open:
            self._pending.update(group_ids)
            self._woken.set()

    @contextlib.asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        """Keep a line open, again after each loss."""
        task = asyncio.create_task(self._stay_connected(receive), name="bus")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _stay_connected(self, receive: Receive) -> None:
        # Nothing that happens here may end the bus: the log stays right without it, only slower.
        while True:
            pause = wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)
            async for attempt in AsyncRetrying(wait=pause, before_sleep=self._warn):
                with attempt:
                    await self._converse(receive)

    async def _converse(self, receive: Receive) -> None:
        """Use one line until it is lost; raises if it never worked."""
        try:
            async with contextlib.AsyncExitStack() as opened:
                async with asyncio.timeout(self._answer_seconds):
                    line = await opened.enter_async_context(self._open_line(partial(self._hear, receive)))
                async with asyncio.TaskGroup() as both:
                    both.create_task(line.until_lost())
                    both.create_task(self._speak(line, receive))
        except Exception as error:
            if not self._proved:
                raise
            self._missed = True
            structlog.get_logger().warning("bus lost, connecting again", reason=_reason(error))
        finally:
            self._open = self._proved = False
            self._pending.clear()

    async def _speak(self, line: Line, receive: Receive) -> None:
        self._open = True
        await self._say(line, gap(self._speaker))
        self._proved = True
        if self._missed:
            structlog.get_logger().info("bus connected")
        self._missed = False
        receive(())
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._woken.wait()
            self._woken.clear()
            pending, self._pending = self._pending, set()
            for message in spoken(self._speaker, pending):
                await self._say(line, message)
            await asyncio.sleep(COALESCE_SECONDS)

    async def _say(self, line: Line, message: str) -> None:
        self._echo.clear()
        async with asyncio.timeout(self._answer_seconds):
            await line.say(message)
            await self._echo.wait()

    def _hear(self, receive: Receive, message: str) -> None:
        wait = understood(message)
        if wait.speaker == self._speaker:
            self._echo.set()
        elif wait.everything:
            receive(())
        elif wait.group_ids:
            receive(wait.group_ids)

    def _warn(self, state: RetryCallState) -> None:
        """Say once, not at every attempt, that there is no bus."""
        error = state.outcome.exception() if state.outcome else None
        if error and not self._missed:
            structlog.get_logger().warning("no bus yet: until there is, changes cross processes more slowly", reason=_reason(error))
        self._missed = True


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
