"""The bus between processes: it carries hints that a group's log has grown, never data, and may lose any of them."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Protocol

Receive = Callable[[Iterable[int]], None]


class Bus(Protocol):
    """Sends hints between the processes of a deployment: which groups have new entries in their logs."""

    def publish(self, group_ids: Iterable[int]) -> None:
        """Send the hint soon. It never waits and never fails."""

    def attached(self, receive: Receive) -> contextlib.AbstractAsyncContextManager[None]:
        """Pass the hints of other processes to `receive` while the context is open: without ids when some may have been lost."""


class LocalBus:
    """The bus of a deployment with a single process: it carries nothing."""

    def publish(self, group_ids: Iterable[int]) -> None:
        """Do nothing."""

    @contextlib.asynccontextmanager
    async def attached(self, receive: Receive) -> AsyncIterator[None]:
        """Do nothing while the context is open."""
        yield
