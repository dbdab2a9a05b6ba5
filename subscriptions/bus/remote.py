"""A bus over a connection that may break: tested by its own echo, and opened again after each loss."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, wait_random_exponential

from subscriptions.bus import Receive
from subscriptions.bus.encoding import decode, encode, encode_everything

COALESCE_SECONDS = 0.01
QUIET_SECONDS = 10.0  # after which a connection is tested by sending a message
ANSWER_SECONDS = 5.0  # after which a connection that does not open, or has no echo, is given up
FIRST_PAUSE_SECONDS = 0.1  # at most: each is drawn at random, so that processes do not return in step
LONGEST_PAUSE_SECONDS = 5.0


class BusConnection(Protocol):
    """An open connection that carries every message to every process, the sender included."""

    async def send(self, message: str) -> None:
        """Send a message to every process."""

    async def receive(self) -> None:
        """Pass messages on for as long as the connection is open. Raises when it is lost."""


Connect = Callable[[Callable[[str], None]], contextlib.AbstractAsyncContextManager[BusConnection]]
"""Opens a connection on which every message, from now on, is passed to the given function."""


class RemoteBus:
    """Sends hints over a connection, several at once, so that no writer ever waits for it.

    Hints that are published without a connection are lost. Therefore, whenever a connection has been opened, this process
    reads everything that it watches again, and asks the others to do the same.
    """

    def __init__(self, connect: Connect, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._connect = connect
        self._answer_seconds = answer_seconds
        self._sender = secrets.token_hex(4)
        self._pending: set[int] = set()
        self._published = asyncio.Event()
        self._echo = asyncio.Event()
        self._is_open = False
        self._has_worked = False  # the connection that is open
        self._is_missed = False  # and the log says so

    def publish(self, group_ids: Iterable[int]) -> None:
        """Send the groups with the next message."""
        if self._is_open:
            self._pending.update(group_ids)
            self._published.set()

    @contextlib.asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        """Keep a connection open, again after each loss."""
        task = asyncio.create_task(self._stay_connected(receive), name="bus")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _stay_connected(self, receive: Receive) -> None:
        # Nothing that happens here may end the bus: what is watched stays right without it, only later.
        while True:
            pause = wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=LONGEST_PAUSE_SECONDS)
            async for attempt in AsyncRetrying(wait=pause, before_sleep=self._warn):
                with attempt:
                    await self._use_connection(receive)

    async def _use_connection(self, receive: Receive) -> None:
        """Use one connection until it is lost. Raises if it never worked."""

        def on_message(message: str) -> None:
            self._take(message, receive)

        try:
            async with contextlib.AsyncExitStack() as opened:
                async with asyncio.timeout(self._answer_seconds):
                    connection = await opened.enter_async_context(self._connect(on_message))
                async with asyncio.TaskGroup() as both:
                    both.create_task(connection.receive())
                    both.create_task(self._send_hints(connection, receive))
        except Exception as error:
            if not self._has_worked:
                raise
            self._is_missed = True
            structlog.get_logger().warning("bus lost, connecting again", reason=_reason(error))
        finally:
            self._is_open = self._has_worked = False
            self._pending.clear()

    async def _send_hints(self, connection: BusConnection, receive: Receive) -> None:
        self._is_open = True
        await self._send(connection, encode_everything(self._sender))
        self._has_worked = True
        if self._is_missed:
            structlog.get_logger().info("bus connected")
        self._is_missed = False
        receive(())
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(QUIET_SECONDS):
                    await self._published.wait()
            self._published.clear()
            pending, self._pending = self._pending, set()
            for message in encode(self._sender, pending):
                await self._send(connection, message)
            await asyncio.sleep(COALESCE_SECONDS)

    async def _send(self, connection: BusConnection, message: str) -> None:
        """Send a message and wait for its echo."""
        self._echo.clear()
        async with asyncio.timeout(self._answer_seconds):
            await connection.send(message)
            await self._echo.wait()

    def _take(self, message: str, receive: Receive) -> None:
        hints = decode(message)
        if hints.sender == self._sender:
            self._echo.set()
        elif hints.everything:
            receive(())
        elif hints.group_ids:
            receive(hints.group_ids)

    def _warn(self, state: RetryCallState) -> None:
        """Log once, not at every attempt, that there is no bus."""
        error = state.outcome.exception() if state.outcome else None
        if error and not self._is_missed:
            structlog.get_logger().warning("no bus yet: until there is, changes cross processes more slowly", reason=_reason(error))
        self._is_missed = True


def _reason(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) or type(error).__name__
