"""The interface of a file to import, whatever its format: columns, and records read one by one to bound memory."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TextIO

ABSENT = ""  # the cell of a record that has no value for the column
ADDED = ("error line", "error reason")  # columns that a file of bad rows adds, and that an import ignores
TEXT = "error text"  # column with the whole row if it does not fit the columns. The row is bad until this cell is emptied
NOT_MENDED = f'The row was not corrected. Move its values into the right columns, and empty "{TEXT}".'
TOO_LONG = "(too long to be repeated here)"
PROGRESS_EVERY = 256  # records between two progress reports, which cost as much as reading one

Progress = Callable[[int], None]
WriteBadRow = Callable[["Record", str], None]


class Record(NamedTuple):
    """One row of the file, with the line number on which it begins, and an error message if it cannot be read."""

    line: int
    cells: Sequence[Any]
    problem: str | None = None
    source: Any = None
    """What the row was read from, if its cells do not show it."""


class Table(Protocol):
    """An open file of rows. Each format implements it."""

    @property
    def path(self) -> Path:
        """Path of the file."""

    @property
    def suffix(self) -> str:
        """Suffix of file names of this format."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the cells of a record, in their order."""

    @property
    def is_typed(self) -> bool:
        """Whether cells are typed values rather than text. Typed values are taken as they are, and None clears a field."""

    @property
    def size(self) -> int:
        """Size of the file in bytes."""

    def records(self, progress: Progress) -> Iterator[Record]:
        """Yield every row that is not blank, and report the number of bytes read to `progress`."""

    def bad_row_writer(self, stream: TextIO) -> WriteBadRow:
        """Begin a file of bad rows, and return a function that writes one row with its reason."""
