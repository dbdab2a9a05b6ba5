"""A file as a table, whatever its format: its columns, and its records one after the other, so that any size fits in memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

ABSENT = ""  # the cell of a record that says nothing about the column
ADDED = ("error line", "error reason")  # what a file of bad rows has beside the row, read as if it were not there
TEXT = "error text"  # and the whole row where it does not fit its columns; it is bad as long as it has that
NOT_MENDED = f'The row is still as it was. Put its values where they belong, and empty "{TEXT}".'
TOO_LONG = "(too long to be repeated here)"
PROGRESS_EVERY = 256  # records between two reports of progress, which cost as much as reading one

Progress = Callable[[int], None]
Reject = Callable[["Record", str], None]


class Record(NamedTuple):
    """One row of the file, with the number of the line on which it begins, and why it cannot be read if it cannot."""

    line: int
    cells: Sequence[Any]
    problem: str | None = None
    source: Any = None
    """What the row was made of, where its cells do not tell."""


class Table(Protocol):
    """A file of rows that was opened; formats implement it."""

    @property
    def path(self) -> Path:
        """Where the file is."""

    @property
    def suffix(self) -> str:
        """How names of files of this format end."""

    @property
    def columns(self) -> tuple[str, ...]:
        """What the cells of a record are called, in their order."""

    @property
    def is_typed(self) -> bool:
        """Whether cells are values rather than texts that stand for them: then they are taken as they are, and None clears."""

    @property
    def size(self) -> int:
        """The bytes of the file."""

    def records(self, progress: Progress) -> Iterator[Record]:
        """Every row that is not blank, from the beginning; `progress` hears how many bytes have been read."""

    def rejecting(self, stream: TextIO) -> Reject:
        """Begin a file of bad rows in this format, and return what writes one with its reason."""
