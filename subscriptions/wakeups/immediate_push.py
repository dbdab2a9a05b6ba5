"""The short way to a watcher: a message that it can be told at once need not wait until its own task has its turn."""

from collections.abc import AsyncIterator, Callable
from enum import Enum, auto
from typing import Any, Protocol, runtime_checkable

from subscriptions.wakeups.wakeup import Wakeable


class Outcome(Enum):
    """What became of the attempt to tell a watcher something at once."""

    TOLD = auto()
    LATER = auto()  # whoever asked will be rung when it is worth another attempt
    IMPOSSIBLE = auto()  # the watcher's own task has to do it


Tell = Callable[[Any, Wakeable], Outcome]
"""Tells the watcher a message at once, or rings the wakeup later."""


@runtime_checkable
class ImmediatePush(Protocol):
    """A stream of messages that uses the short way while it waits for the next one, if it is given one."""

    tell: Tell | None

    def __aiter__(self) -> AsyncIterator[Any]:
        """The messages that were not told the short way; in order with those that were."""
