"""A loader: combines many look-ups by key into few queries, and reads each key once."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Generic, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")

Read = Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]
"""Reads the values of keys."""

LARGEST_BATCH = 1000  # keys are parameters, of which both engines allow some 32,000

WOKEN = 50  # tasks that go on in one iteration of the event loop, because each of them has something to do with its value


def unexpected() -> NoReturn:
    """Raise `LookupError`, for loaders that must find a value for every key."""
    raise LookupError("a key has no value, and each must have one")


class Collecting:
    """Whether an operation is still collecting keys, because it has paused. Its loaders read when it has gone on."""

    def __init__(self) -> None:
        self._pauses = 0
        self._afterwards: list[Callable[[], None]] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Keep the loaders waiting."""
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._release()

    def when_done(self, start: Callable[[], None]) -> None:
        """Call this in a later iteration of the event loop: the next one that begins while nothing is collected."""
        asyncio.get_running_loop().call_soon(self._start_or_wait, start)

    def _start_or_wait(self, start: Callable[[], None]) -> None:
        if self._pauses:
            self._afterwards.append(start)
        else:
            start()

    def _release(self) -> None:
        waiting, self._afterwards = self._afterwards, []
        for start in waiting:
            self.when_done(start)


class Loader(Generic[K, V]):
    """Values by key, each read once. Keys requested in the same iteration of the event loop are read together."""

    def __init__(
        self,
        read: Read[K, V],
        missing: Callable[[], V] = unexpected,
        *,
        collecting: Collecting | None = None,
    ) -> None:
        self._read = read
        self._missing = missing
        self._collecting = collecting or Collecting()
        self._values: dict[K, asyncio.Future[V]] = {}
        self._waiting: list[K] = []
        self._waiters: dict[K, list[asyncio.Future[V]]] = defaultdict(list)
        self._reading: set[asyncio.Task[None]] = set()

    async def load(self, key: K) -> V:
        """Return the value of a key."""
        self._request(key)
        return await self._value(key)

    async def load_many(self, keys: Iterable[K]) -> list[V]:
        """Return the values of these keys in their order."""
        wanted = list(keys)
        for key in wanted:
            self._request(key)
        return [await self._value(key) for key in wanted]

    def stop(self) -> None:
        """Cancel what is being read. Values that are waited for never come."""
        for reading in self._reading:
            reading.cancel()

    def remember(self, key: K, value: V) -> V:
        """Keep a value that was read elsewhere, and return the value that was known first for the key."""
        future = self._values.setdefault(key, asyncio.get_running_loop().create_future())
        if not future.done():
            future.set_result(value)
            for waiter in self._waiters.pop(key, ()):
                _pass_on(future, waiter)
        return future.result()

    def _request(self, key: K) -> None:
        if key not in self._values:
            self._values[key] = asyncio.get_running_loop().create_future()
            if not self._waiting:
                self._collecting.when_done(self._start)
            self._waiting.append(key)

    async def _value(self, key: K) -> V:
        value = self._values[key]
        if value.done():
            return value.result()
        # One for each that waits: if it is cancelled, the others still get the value.
        waiter: asyncio.Future[V] = asyncio.get_running_loop().create_future()
        self._waiters[key].append(waiter)
        return await waiter

    def _start(self) -> None:
        keys, self._waiting = self._waiting, []
        for start in range(0, len(keys), LARGEST_BATCH):
            task = asyncio.create_task(self._fulfil(keys[start : start + LARGEST_BATCH]))
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _fulfil(self, keys: Sequence[K]) -> None:
        try:
            found = await self._read(keys)
            values = [found[key] if key in found else self._missing() for key in keys]
        except Exception as error:  # raised in those who wait for the values
            for key in keys:
                if not self._values[key].done():
                    self._values[key].set_exception(error)
                    self._values[key].exception()  # which nobody else may ever ask for
        else:
            for key, value in zip(keys, values, strict=True):
                if not self._values[key].done():
                    self._values[key].set_result(value)
        await self._wake(keys)

    async def _wake(self, keys: Iterable[K]) -> None:
        """Let those that wait go on, some of them in each iteration of the event loop."""
        waiting = [(self._values[key], waiter) for key in keys for waiter in self._waiters.pop(key, ())]
        with self._collecting.going_on():
            for index, (value, waiter) in enumerate(waiting, start=1):
                _pass_on(value, waiter)
                if index % WOKEN == 0:
                    await asyncio.sleep(0)


def _pass_on(value: asyncio.Future[V], waiter: asyncio.Future[V]) -> None:
    if waiter.done():  # it was cancelled
        return
    if error := value.exception():
        waiter.set_exception(error)
    else:
        waiter.set_result(value.result())
