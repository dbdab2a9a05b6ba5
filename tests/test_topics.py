"""The loop that keeps watched topics up to date, on a table of its own: looks, hints, reads of everything, and failures."""

import asyncio
from collections.abc import AsyncIterator, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from models.engine.database import Database
from subscriptions.topics import Pace, Topic, Topics
from subscriptions.wakeups.wakeup import Wakeup, WakeupQueue

DEADLINE = 20.0
HOUR = 3600.0
PAUSE = 0.1
TABLE = "CREATE TABLE numbers (id INTEGER PRIMARY KEY, value INTEGER)"
SET = "INSERT INTO numbers (id, value) VALUES (:id, :value) ON CONFLICT (id) DO UPDATE SET value = excluded.value"
READ = "SELECT id, value FROM numbers WHERE id = ANY(:ids)"


@dataclass(slots=True, eq=False)
class Number(Topic):
    value: int | None = None


@dataclass(frozen=True)
class Read:
    ids: list[int]
    hints: Set[int] | None
    at: float = field(compare=False)


class Numbers(Topics[Number]):
    def __init__(self, database: Database, pace: Pace) -> None:
        super().__init__(database, WakeupQueue(), pace)
        self.reads: list[Read] = []

    def create(self, topic_id: int) -> Number:
        return Number(topic_id)

    def topics_for(self, hints: Set[int] | None) -> Sequence[Number]:
        return [number for number in self._watched.values() if hints is None or number.id in hints]

    async def read(self, topics: Sequence[Number], hints: Set[int] | None) -> None:
        self.reads.append(Read(sorted(topic.id for topic in topics), hints, asyncio.get_running_loop().time()))
        rows = await self.database.rows(READ, ids=[topic.id for topic in topics])
        values = {row["id"]: row["value"] for row in rows}
        for topic in topics:
            if topic.value != values.get(topic.id):
                topic.value = values.get(topic.id)
                self.notify(topic)


@asynccontextmanager
async def following(database: Database, pace: Pace) -> AsyncIterator[Numbers]:
    await database.rows(TABLE)
    numbers = Numbers(database, pace)
    task = asyncio.create_task(numbers.follow())
    try:
        async with asyncio.timeout(DEADLINE):
            yield numbers
    finally:
        task.cancel()


async def test_looks_that_are_asked_for_together_are_one_read(database: Database) -> None:
    async with following(database, Pace(compare=HOUR)) as numbers:
        with numbers.watching(1, Wakeup()) as one, numbers.watching(2, Wakeup()) as two:
            await asyncio.gather(numbers.refresh(one), numbers.refresh(two), numbers.refresh(two))
        assert numbers.reads == [Read([1, 2], None, 0)]
        assert len(numbers) == 0


async def test_a_hint_is_read_and_wakes_the_watchers(database: Database) -> None:
    async with following(database, Pace(compare=HOUR)) as numbers:
        wakeup = Wakeup()
        with numbers.watching(1, wakeup) as number, numbers.watching(2, Wakeup()):
            await database.rows(SET, id=1, value=5)
            numbers.hint([1])
            await wakeup.wait()
            assert number.value == 5
        assert numbers.reads == [Read([1], {1}, 0)]


async def test_without_a_hint_everything_is_read_at_intervals(database: Database) -> None:
    async with following(database, Pace(compare=PAUSE)) as numbers:
        wakeup = Wakeup()
        with numbers.watching(1, wakeup) as number:
            await database.rows(SET, id=1, value=5)
            await wakeup.wait()
            assert number.value == 5
        assert numbers.reads[-1].hints is None


async def test_hints_wait_for_the_pause_between_reads_and_looks_do_not(database: Database) -> None:
    async with following(database, Pace(compare=HOUR, least=PAUSE)) as numbers:
        wakeup = Wakeup()
        with numbers.watching(1, wakeup) as number:
            for value in (1, 2):
                wakeup.clear()
                await database.rows(SET, id=1, value=value)
                numbers.hint([1])
                await wakeup.wait()
            first, second = numbers.reads
            assert second.at - first.at >= PAUSE
            await database.rows(SET, id=1, value=3)
            numbers.hint([1])
            await numbers.refresh(number)
            assert [read.hints for read in numbers.reads] == [{1}, {1}, None]
            assert number.value == 3


async def test_a_read_that_fails_is_told_to_who_asked_and_ends_nothing(database: Database) -> None:
    async with following(database, Pace(compare=HOUR)) as numbers:
        with numbers.watching(1, Wakeup()) as number, capture_logs() as logs:
            await database.rows("ALTER TABLE numbers RENAME TO others")
            with pytest.raises(Exception, match="numbers"):
                await numbers.refresh(number)
            assert [line["log_level"] for line in logs] == ["error"]
            assert numbers.lag() > 0
            await database.rows("ALTER TABLE others RENAME TO numbers")
            await numbers.refresh(number)


async def test_hints_are_dropped_with_the_last_watcher(database: Database) -> None:
    async with following(database, Pace(compare=HOUR, least=HOUR)) as numbers:
        with numbers.watching(1, Wakeup()) as number:
            numbers.hint([1])
            while not numbers.reads:  # noqa: ASYNC110  # the first read starts the pause
                await asyncio.sleep(0)
            numbers.hint([1])
            await numbers.refresh(number)
            assert numbers.lag() > 0
        assert numbers.lag() == 0
        numbers.hint([1])
        assert numbers.lag() == 0
