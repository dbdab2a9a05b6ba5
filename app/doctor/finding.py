"""What the doctor says about one thing."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """How serious a finding is: only failures keep Muster from working as it should."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """One thing that was looked at; unless it is well, the sentence ends in what to do."""

    level: Level
    what: str
    said: str


def fine(what: str, said: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, what, said)


def doubtful(what: str, said: str) -> Finding:
    """It works, and may not be what was meant."""
    return Finding(Level.WARN, what, said)


def wrong(what: str, said: str) -> Finding:
    """It does not work, or will lose something."""
    return Finding(Level.FAIL, what, said)
