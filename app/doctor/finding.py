"""The result of one check."""

from enum import StrEnum
from typing import NamedTuple


class Level(StrEnum):
    """The severity of a finding. Only failures keep Muster from working as it should."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


class Finding(NamedTuple):
    """The result of one check. Unless it is OK, the text ends with the remedy."""

    level: Level
    what: str
    said: str


def passed(what: str, said: str) -> Finding:
    """Return a finding that the check passed."""
    return Finding(Level.OK, what, said)


def warned(what: str, said: str) -> Finding:
    """Return a finding that something works but may be a mistake."""
    return Finding(Level.WARN, what, said)


def failed(what: str, said: str) -> Finding:
    """Return a finding that something does not work or may lose data."""
    return Finding(Level.FAIL, what, said)
