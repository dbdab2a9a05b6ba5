"""A loader: combines many look-ups by key into few queries, and reads each key once."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")

LARGEST_BATCH = 1000  # keys are parameters, of which both engines allow some 32,000


def unexpected() -> NoReturn:
    """Raise `LookupError`, for loaders that must find a value for every key."""
    raise LookupError("a key has no value, and each must have one")


class Loader(Generic[K, V]):
    """Values by key, each read once. Keys requested in the same iteration of the event loop are read together."""

    def __init__(self, read: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]], missing: Callable[[], V] = unexpected) -> None:
        self._read = read
        self._missing = missing
        self._futures: dict[K, asyncio.Future[V]] = {}
        self._waiting: list[K] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def load(self, key: K) -> V:
        """Return the value of a key."""
        return await _result(self._future(key))

    async def load_many(self, keys: Iterable[K]) -> list[V]:
        """Return the values of these keys in their order."""
        return [await _result(future) for future in [self._future(key) for key in keys]]

    def stop(self) -> None:
        """Cancel what is being read. Values that are waited for never come."""
        for reading in self._reading:
            reading.cancel()

    def remember(self, key: K, value: V) -> V:
        """Keep a value that was read elsewhere, and return the value that was known first for the key."""
        future = self._futures.setdefault(key, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(value)
        return future.result()

    def _future(self, key: K) -> asyncio.Future[V]:
        future = self._futures.get(key)
        if future is None:
            loop = asyncio.get_running_loop()
            future = self._futures[key] = loop.create_future()
            if not self._waiting:
                loop.call_soon(self._start)
            self._waiting.append(key)
        return future

    def _start(self) -> None:
        keys, self._waiting = self._waiting, []
        for start in range(0, len(keys), LARGEST_BATCH):
            task = asyncio.create_task(self._fulfil(keys[start : start + LARGEST_BATCH]))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _fulfil(self, keys: Sequence[K]) -> None:
        futures = [self._futures[key] for key in keys]
        try:
            found = await self._read(keys)
            values = [found[key] if key in found else self._missing() for key in keys]
        except Exception as error:  # raised in those who wait for the values
            for future in futures:
                if not future.done():
                    future.set_exception(error)
            return
        for future, value in zip(futures, values, strict=True):
            if not future.done():
                future.set_result(value)


async def _result(future: asyncio.Future[V]) -> V:
    # Shielded: one waiter that is cancelled must not take the value away from the others.
    return future.result() if future.done() else await asyncio.shield(future)
