"""What processes say to each other on a bus: who speaks, then the groups whose logs have grown."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST = 7000  # characters, of which PostgreSQL carries fewer than 8000
EVERYTHING = "*"
DIGITS = 19  # of the largest id


class Heard(NamedTuple):
    """A message as it was understood; whatever is no message says nothing."""

    speaker: str
    group_ids: list[int]
    everything: bool


def spoken(speaker: str, group_ids: Iterable[int]) -> Iterator[str]:
    """The fewest messages that name all these groups, each short enough for any bus."""
    message = speaker
    for group_id in sorted(group_ids):
        if len(message) > LONGEST:
            yield message
            message = speaker
        message += f" {group_id}"
    yield message


def gap(speaker: str) -> str:
    """The message that hints may have been lost, so that every group is worth a look."""
    return f"{speaker} {EVERYTHING}"


def understood(message: str) -> Heard:
    """What a message says, whoever sent it."""
    speaker, _, rest = message.partition(" ")
    words = rest.split()
    return Heard(speaker, [int(word) for word in words if word.isdecimal() and len(word) <= DIGITS], EVERYTHING in words)
