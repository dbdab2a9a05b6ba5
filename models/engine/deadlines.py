"""The deadline of a request: until when the statements that it sends may keep the database busy."""

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NamedTuple, TypeVar

from models.errors import DeadlineExceeded

T = TypeVar("T")


class Deadline(NamedTuple):
    """When a request ends, by the clock of the event loop, and how many seconds it had."""

    at: float
    seconds: float


_deadline: ContextVar[Deadline | None] = ContextVar("deadline", default=None)


@contextmanager
def deadline_in(seconds: float | None) -> Iterator[None]:
    """Raise `DeadlineExceeded` for statements inside that have no answer after so many seconds. An earlier deadline stays in force."""
    current = _deadline.get()
    new = Deadline(asyncio.get_running_loop().time() + seconds, seconds) if seconds is not None else current
    token = _deadline.set(min(new, current) if new and current else new)
    try:
        yield
    finally:
        _deadline.reset(token)


def seconds_left() -> float | None:
    """The time until the deadline of the running request. None without a deadline. Raises `DeadlineExceeded` once it has passed."""
    deadline = _deadline.get()
    if deadline is None:
        return None
    left = deadline.at - asyncio.get_running_loop().time()
    if left <= 0:
        raise DeadlineExceeded(deadline.seconds)
    return left


class UntilDeadline:
    """Cancels what is awaited inside if the deadline of the running request passes, and raises `DeadlineExceeded`.

    It is no generator, because every statement passes through it.
    """

    __slots__ = ("_deadline", "_timeout")

    async def __aenter__(self) -> None:
        self._deadline = _deadline.get()
        if self._deadline is not None:
            seconds_left()
            self._timeout = asyncio.timeout_at(self._deadline.at)
            await self._timeout.__aenter__()

    async def __aexit__(self, *error: Any) -> None:
        if self._deadline is None:
            return
        try:
            await self._timeout.__aexit__(*error)
        except TimeoutError as late:
            raise DeadlineExceeded(self._deadline.seconds) from late


async def to_the_end(work: Awaitable[T]) -> T:
    """Await work that must not be interrupted. A cancellation of this task waits until it is done."""
    future = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        await until_done(future)
        raise


async def until_done(future: "asyncio.Future[Any]") -> None:
    """Wait until a future has a result or an error, however often this task is cancelled meanwhile."""
    while not future.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([future])
