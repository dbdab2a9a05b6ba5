"""Noticing that the client of an HTTP request has gone, so that nothing more is done for it."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.types import Receive

LOOK_SECONDS = 0.05  # most answers are ready before, and cost no task that waits for the client


class WhileConnected:
    """Cancels what is awaited inside once the client has disconnected, and raises `ClientDisconnect`. Its body must have been read."""

    __slots__ = ("_cancelling", "_is_gone", "_looking", "_receive", "_task", "is_known")

    _task: Any  # a task: only tasks await

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._looking: asyncio.Task[None] | None = None
        self._is_gone = self.is_known = False

    async def __aenter__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling()
        _unanswered.add(self)

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        _unanswered.discard(self)
        if self._looking:
            self._looking.cancel()
        if self._is_gone and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise ClientDisconnect from error

    def look(self) -> None:
        """Begin to wait for the end of the connection."""
        self._looking = asyncio.create_task(self._end_with_the_client())

    async def _end_with_the_client(self) -> None:
        await disconnected(self._receive)
        self._is_gone = True
        self._task.cancel()


class _Unanswered:
    """The requests that are being answered and whose clients nobody waits for yet, with one timer for all."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._requests: dict[WhileConnected, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, request: WhileConnected) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._requests, self._timer = loop, {}, None
        self._requests[request] = None
        if self._timer is None:
            self._timer = loop.call_later(LOOK_SECONDS, self._look, loop)

    def discard(self, request: WhileConnected) -> None:
        self._requests.pop(request, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have those requests look for their clients that were here the last time already."""
        for request in [*self._requests]:
            if request.is_known:
                self.discard(request)
                request.look()
            request.is_known = True
        self._timer = loop.call_later(LOOK_SECONDS, self._look, loop) if self._requests else None


_unanswered = _Unanswered()


async def disconnected(receive: Receive) -> None:
    """Wait until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass
