"""Watched topics of one kind, read again for all their watchers together: one loop for groups, contacts and bulk actions."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog

from models.engine.database import ANSWER_SECONDS, UNREACHABLE, Database
from subscriptions.wakeups.wakeup import Wakeable, WakeupQueue


@dataclass(slots=True, eq=False)
class Topic:
    """One watched row, and the wakeups of its watchers: those who registered first are woken first."""

    id: int
    wakeups: dict[Wakeable, None] = field(default_factory=dict)


T = TypeVar("T", bound=Topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often the topics of one kind are read, in seconds."""

    compare: float
    """Between two reads of all topics: as long as that, a lost hint can delay a message."""
    least: float = 0.0
    """Between the end of one read upon hints and the next."""
    after_failure: float = 0.0
    """Between a read that failed and the next upon hints."""
    answer: float = ANSWER_SECONDS
    """For the database to answer one statement."""


class Topics(ABC, Generic[T]):
    """The watched topics of one kind, and the loop that keeps them up to date. Without watchers it reads nothing.

    Only the loop reads, so that what it reads is also taken in the order in which it was read.
    """

    def __init__(self, database: Database, wakeup_queue: WakeupQueue, pace: Pace) -> None:
        self.database = database
        self.pace = pace
        self._wakeup_queue = wakeup_queue
        self._watched: dict[int, T] = {}
        self._asked: dict[T, None] = {}
        self._answers: list[asyncio.Future[None]] = []
        self._hints: set[int] = set()
        self._compare_at = math.inf
        self._not_before = -math.inf
        self._behind_since = 0.0
        self._changed = asyncio.Event()  # when the next read is due

    @abstractmethod
    def create(self, topic_id: int) -> T:
        """A topic that has not been read yet."""

    @abstractmethod
    def topics_for(self, hints: Set[int] | None) -> Sequence[T]:
        """The watched topics that hints are about. Without hints: all that can still change."""

    @abstractmethod
    async def read(self, topics: Sequence[T], hints: Set[int] | None) -> None:
        """Bring topics up to date and notify their watchers of changes. With hints: only of what these are about."""

    def __len__(self) -> int:
        """How many topics are watched."""
        return len(self._watched)

    @contextmanager
    def watching(self, topic_id: int, wakeup: Wakeable) -> Iterator[T]:
        """Register a watcher for as long as the context is open, to be woken at each change of the topic.

        A watcher clears its wakeup before it looks at the topic, so that no change goes unnoticed. One wakeup may serve
        several topics.
        """
        topic = self._watched.get(topic_id) or self._begin(topic_id)
        topic.wakeups[wakeup] = None
        try:
            yield topic
        finally:
            del topic.wakeups[wakeup]
            if not topic.wakeups:
                self._end(topic_id)

    def _begin(self, topic_id: int) -> T:
        if not self._watched:
            self._compare_at = asyncio.get_running_loop().time() + self.pace.compare
            self._changed.set()
        topic = self._watched[topic_id] = self.create(topic_id)
        return topic

    def _end(self, topic_id: int) -> None:
        del self._watched[topic_id]
        if not self._watched:
            self._hints.clear()
            self._behind_since = 0.0

    def is_watched(self, topic: T) -> bool:
        """Whether the topic still has watchers."""
        return self._watched.get(topic.id) is topic

    def notify(self, topic: T) -> None:
        """Wake the watchers of a topic soon."""
        self._wakeup_queue.wake(topic.wakeups)

    def hint(self, hints: Collection[int]) -> None:
        """Read soon what these hints are about, or everything if there are none."""
        if not self._watched:
            return
        now = asyncio.get_running_loop().time()
        if hints:
            self._hints.update(hints)
        else:
            self._compare_at = now
        self._behind_since = self._behind_since or now
        self._changed.set()

    async def refresh(self, *topics: T) -> None:
        """Bring topics up to date now, together with all others that are asked for.

        Raises what kept the database from answering.
        """
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        self._asked.update(dict.fromkeys(topics))
        self._changed.set()
        await answer

    def lag(self) -> float:
        """For how many seconds a hint has been waiting to be read: little, unless the database is slow or away."""
        return asyncio.get_running_loop().time() - self._behind_since if self._behind_since else 0.0

    async def follow(self) -> None:
        """Read what is asked for, what is hinted at, and everything at intervals, for good."""
        while True:
            await self._until_due()
            if self._answers:
                await self._read_asked()
            if self._due() <= asyncio.get_running_loop().time():
                await self._read_hinted()

    async def _until_due(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._answers and (due := self._due()) > loop.time():
            timer = loop.call_at(due, self._changed.set) if due < math.inf else None
            try:
                await self._changed.wait()
            finally:
                if timer:
                    timer.cancel()
            self._changed.clear()

    def _due(self) -> float:
        """When the next read upon hints or of everything is due."""
        if not self._watched:
            return math.inf
        return self._not_before if self._hints else max(self._not_before, self._compare_at)

    async def _read_asked(self) -> None:
        asked, self._asked = self._asked, {}
        answers, self._answers = self._answers, []
        failure = await self._try_to_read([topic for topic in asked if self.is_watched(topic)], None)
        for answer in answers:
            if not answer.done():
                answer.set_exception(failure) if failure else answer.set_result(None)

    async def _read_hinted(self) -> None:
        loop = asyncio.get_running_loop()
        hints = None if self._compare_at <= loop.time() else self._hints
        self._hints = set()
        failure = await self._try_to_read(self.topics_for(hints), hints)
        now = loop.time()
        self._not_before = now + (self.pace.after_failure if failure else self.pace.least)
        if hints is None:
            self._compare_at = now + self.pace.compare
        if not failure:
            self._behind_since = now if self._hints else 0.0

    async def _try_to_read(self, topics: Sequence[T], hints: Set[int] | None) -> Exception | None:
        try:
            if topics:
                with self.database.answering_within(self.pace.answer):
                    await self.read(topics, hints)
        # Nothing may end the loop: when the database answers again, the next read of everything catches up.
        except UNREACHABLE as error:
            structlog.get_logger().warning("hub cannot reach the database", reason=str(error))
            return self._fail(error)
        except Exception as error:
            structlog.get_logger().exception("hub could not read what is watched")
            return self._fail(error)
        return None

    def _fail(self, error: Exception) -> Exception:
        self._behind_since = self._behind_since or asyncio.get_running_loop().time()
        return error
