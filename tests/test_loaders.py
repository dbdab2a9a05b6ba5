"""Loaders: one query for many keys, one instance for a row, and a waiter that gives up harms no other."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from resolvers.operation.batching import LARGEST_BATCH, Loader


class Source:
    """Something to read from, which keeps account of what was asked for."""

    def __init__(self) -> None:
        self.asked: list[Sequence[int]] = []
        self.open = asyncio.Event()
        self.started = asyncio.Event()

    async def read(self, keys: Sequence[int]) -> Mapping[int, str | None]:
        self.asked.append(keys)
        self.started.set()
        async with asyncio.timeout(5):
            await self.open.wait()
        if 0 in keys:
            raise LookupError("nothing is numbered 0")
        return {key: f"row {key}" for key in keys if key < 5000}


@pytest.fixture
async def source() -> Source:
    found = Source()
    found.open.set()
    return found


@pytest.fixture
def loader(source: Source) -> Loader[int, str | None]:
    return Loader(source.read, lambda: None)


async def test_keys_that_are_asked_for_side_by_side_are_read_at_once_and_only_once(source: Source, loader: Loader[int, str | None]) -> None:
    async with asyncio.timeout(5):
        first, several, second = await asyncio.gather(loader.load(1), loader.load_many([2, 1, 9999]), loader.load(2))
        assert [first, *several, second] == ["row 1", "row 2", "row 1", None, "row 2"]
        assert await loader.load(9999) is None
    assert source.asked == [[1, 2, 9999]]


async def test_a_batch_never_has_more_keys_than_a_statement_takes(source: Source, loader: Loader[int, str | None]) -> None:
    async with asyncio.timeout(5):
        await loader.load_many(range(1, 2 * LARGEST_BATCH + 2))
    assert [len(keys) for keys in source.asked] == [LARGEST_BATCH, LARGEST_BATCH, 1]


async def test_what_was_seen_first_is_served_ever_after(source: Source, loader: Loader[int, str | None]) -> None:
    source.open.clear()
    async with asyncio.timeout(5):
        waiting = asyncio.create_task(loader.load(1))
        await source.started.wait()
        assert loader.remember(1, "seen on a page") == "seen on a page"
        source.open.set()
        assert await waiting == "seen on a page"
        assert await loader.load(2) == "row 2"
    assert loader.remember(2, "a later version") == "row 2"


async def test_a_waiter_that_gives_up_takes_nothing_from_the_others(source: Source, loader: Loader[int, str | None]) -> None:
    source.open.clear()
    async with asyncio.timeout(5):
        one, other = asyncio.create_task(loader.load(1)), asyncio.create_task(loader.load(1))
        await source.started.wait()
        one.cancel()
        source.open.set()
        assert await other == "row 1"
    assert one.cancelled()


async def test_a_key_that_must_have_a_value_and_has_none_is_a_failure(source: Source) -> None:
    strict: Loader[int, str | None] = Loader(source.read)
    async with asyncio.timeout(5):
        for failure in await asyncio.gather(strict.load(1), strict.load(9999), return_exceptions=True):
            assert isinstance(failure, LookupError)


async def test_everybody_who_waits_is_told_of_a_failure(loader: Loader[int, str | None]) -> None:
    async with asyncio.timeout(5):
        for failure in await asyncio.gather(loader.load(0), loader.load(1), return_exceptions=True):
            assert isinstance(failure, LookupError)
