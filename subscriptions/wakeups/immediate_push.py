"""Pushing a message to a watcher at once, without waiting until its own task is scheduled."""

from collections.abc import AsyncIterator, Callable
from enum import Enum, auto
from typing import Any, Protocol, runtime_checkable

from subscriptions.wakeups.wakeup import Wakeable


class PushOutcome(Enum):
    """What became of the attempt to push a message."""

    SENT = auto()
    LATER = auto()  # the stream is woken when another attempt is worth while
    IMPOSSIBLE = auto()  # the watcher's own task has to take the message from the stream


Push = Callable[[Any, Wakeable], PushOutcome]
"""Sends a message to the watcher at once. If that has to wait for the answer to be made, wakes the given stream then."""


@runtime_checkable
class PushingStream(Protocol):
    """A stream of messages that pushes them while its watcher waits for the next one, if it is given a way to push."""

    push: Push | None

    def __aiter__(self) -> AsyncIterator[Any]:
        """The messages that were not pushed, in order with those that were."""
