"""The latest messages about a watched group, kept once for all its watchers and within a bound."""

from collections import deque
from collections.abc import Iterable

from subscriptions.cursor import Cursor
from subscriptions.messages import MembersChanged, Step

RING = 256  # entries kept for each watched group
RING_IDS = 10_000  # ids in them, some 400 kB: an import into a hundred watched groups must not use up the memory of a process


class Ring:
    """Consecutive steps. New ones push out the oldest, and a watcher that still needs those reads the log."""

    __slots__ = ("_ids", "_steps")

    def __init__(self) -> None:
        self._steps: deque[Step] = deque()
        self._ids = 0

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def ids(self) -> int:
        """How many ids are kept in all steps."""
        return self._ids

    def after(self, at: Cursor) -> Step | None:
        """The step that follows, if it is kept."""
        index = at.position + 1 - self._steps[0].cursor.position if self._steps else -1
        step = self._steps[index] if 0 <= index < len(self._steps) else None
        return step if step and step.cursor.follows(at) else None

    def extend(self, steps: Iterable[Step]) -> None:
        """Keep the steps that follow the last one."""
        for step in steps:
            self._steps.append(step)
            self._ids += _ids_of(step)
            while len(self._steps) > RING or self._ids > RING_IDS:
                self._ids -= _ids_of(self._steps.popleft())

    def clear(self) -> None:
        """Keep nothing."""
        self._steps.clear()
        self._ids = 0


def _ids_of(step: Step) -> int:
    message = step.message
    return len(message.joined_ids) + len(message.left_ids) if isinstance(message, MembersChanged) else 0
