"""Cursors of the live stream, opaque to clients: a group, the epoch of its log, and a position in it."""

import base64
import binascii
import re
from dataclasses import dataclass

from models.errors import BadInput

_FORM = re.compile(r"(\d{1,19})\.([0-9a-f]{16})\.(\d{1,18})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a group's log: everything up to and including `position` of `epoch` has been seen."""

    group_id: int
    epoch: str
    position: int

    def follows(self, other: "Cursor") -> bool:
        """Whether this is the position right after the other."""
        return self.position == other.position + 1 and self.epoch == other.epoch

    def __str__(self) -> str:
        return base64.urlsafe_b64encode(f"{self.group_id}.{self.epoch}.{self.position}".encode()).decode().rstrip("=")


def read_cursor(text: str) -> Cursor:
    """Read a cursor that a client sent.

    Raises `BadInput` for anything that is no cursor at all.
    """
    try:
        decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode("ascii")
    except (binascii.Error, UnicodeError, ValueError):
        decoded = ""
    found = _FORM.fullmatch(decoded)
    if not found:
        raise BadInput("`after` is not a cursor of this API. Use the `cursor` of a group or of an earlier message, unchanged.")
    return Cursor(int(found[1]), found[2], int(found[3]))
