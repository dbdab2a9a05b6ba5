"""The bus between processes: it carries hints that a group's log has grown, never data, and may lose any of them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

Receive = Callable[[Iterable[int]], None]


class Bus(Protocol):
    """Tells other processes which groups have new entries."""

    def publish(self, group_ids: Iterable[int]) -> None:
        """Pass the hint on soon; never waits and never fails."""

    def attached(self, receive: Receive) -> contextlib.AbstractAsyncContextManager[None]:
        """Deliver the hints of other processes while the context is open; `receive` is also called without ids after a gap."""


class LocalBus:
    """For a single process, which has no other to tell."""

    def publish(self, group_ids: Iterable[int]) -> None:
        """Nobody else listens."""

    @contextlib.asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        """Nobody else speaks."""
        yield
