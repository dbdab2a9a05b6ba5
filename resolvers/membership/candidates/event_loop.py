"""Sharing the event loop: long calculations let other tasks run every few milliseconds."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

LONGEST = 0.002  # seconds that other tasks wait


async def cooperatively(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield the items, and let other tasks run in between whenever they have waited for two milliseconds."""
    began = perf_counter()
    for item in items:
        if perf_counter() - began > LONGEST:
            await asyncio.sleep(0)
            began = perf_counter()
        yield item
