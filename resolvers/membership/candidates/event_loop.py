"""Long calculations on the event loop, which many share: they make room for others every few milliseconds."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from time import perf_counter
from typing import TypeVar

T = TypeVar("T")

LONGEST = 0.002  # seconds that others wait


async def cooperatively(items: Iterable[T]) -> AsyncIterator[T]:
    """The items one by one, and between them, when others have waited long enough, their turn."""
    began = perf_counter()
    for item in items:
        if perf_counter() - began > LONGEST:
            await asyncio.sleep(0)
            began = perf_counter()
        yield item
