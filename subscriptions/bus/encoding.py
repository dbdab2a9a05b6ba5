"""The messages between processes on a bus: the sender, then the ids of groups whose logs have grown."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST = 7000  # characters, of which PostgreSQL carries fewer than 8000
EVERYTHING = "*"
DIGITS = 19  # of the largest id


class Hints(NamedTuple):
    """A decoded message. One that is malformed names no groups."""

    sender: str
    group_ids: list[int]
    everything: bool


def encode(sender: str, group_ids: Iterable[int]) -> Iterator[str]:
    """The fewest messages that name all these groups, each short enough for any bus."""
    message = sender
    for group_id in sorted(group_ids):
        if len(message) > LONGEST:
            yield message
            message = sender
        message += f" {group_id}"
    yield message


def encode_everything(sender: str) -> str:
    """The message that hints may have been lost, so that every process reads everything that is watched again."""
    return f"{sender} {EVERYTHING}"


def decode(message: str) -> Hints:
    """What a message says: never raises, because any program can send to a channel."""
    sender, _, rest = message.partition(" ")
    words = rest.split()
    return Hints(sender, [int(word) for word in words if word.isdecimal() and len(word) <= DIGITS], EVERYTHING in words)
