"""Reads CSV files, and writes their bad rows."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TextIO

from app.files.importing.table import ADDED, NOT_MENDED, PROGRESS_EVERY, TEXT, TOO_LONG, Progress, Record, WriteBadRow
from models.errors import BadInput

DELIMITERS = (",", ";", "\t")
SAMPLE = 2**16  # characters from which the delimiter is guessed
REPORT = (*ADDED, TEXT)  # the last columns of a file of bad rows
LARGEST_CELL = 2**20  # bounds what an unclosed quotation mark can take in

_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_NO_NAME = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file in UTF-8 whose first row names its columns."""

    path: Path
    delimiter: str
    columns: tuple[str, ...]
    added: int
    size: int
    suffix: str = ".csv"
    is_typed: bool = False

    def records(self, progress: Progress) -> Iterator[Record]:
        """Yield every row that is not blank, and report the number of bytes read to `progress`."""
        with self.path.open("rb") as raw, _decoded(raw) as stream:
            rows = _rows(stream, self.delimiter)
            next(rows)
            for count, record in enumerate(rows):
                if count % PROGRESS_EVERY == 0:
                    progress(raw.tell())
                written = "".join(record.cells)
                if record.problem or written.strip():
                    yield self._checked(record, written)

    def _checked(self, record: Record, written: str) -> Record:
        problem, width = record.problem, len(self.columns) + self.added
        fits = len(record.cells) == width
        text = "" if fits and not self.added else self._text(record, fits=fits)
        if not written.isascii() and _NOT_UTF8.search(written):
            problem = "The row is not UTF-8. Save the file as UTF-8."
        elif problem is None and not fits:
            problem = f"The row has {len(record.cells)} fields, and the first line names {width} columns."
        elif problem is None and text.strip():
            problem = NOT_MENDED
        return Record(record.line, record.cells[: len(self.columns)], problem, text) if problem or self.added else record

    def _text(self, record: Record, *, fits: bool) -> str:
        """Return the whole row if it does not fit the columns, or if it did not fit before and is still unchanged."""
        if fits:
            return str(record.cells[-1])
        if record.problem:
            return TOO_LONG
        stream = io.StringIO(newline="")
        csv.writer(stream, delimiter=self.delimiter).writerow(record.cells)
        text = stream.getvalue().removesuffix("\r\n")
        return text if len(text) <= LARGEST_CELL else TOO_LONG

    def bad_row_writer(self, stream: TextIO) -> WriteBadRow:
        """Write the header of a file of bad rows, and return a function that writes one row with its reason."""
        writer = csv.writer(stream, delimiter=self.delimiter)
        writer.writerow([*self.columns, *REPORT])

        def reject(record: Record, reason: str) -> None:
            missing = len(self.columns) - len(record.cells)
            writer.writerow([*record.cells, *[""] * missing, record.line, reason, record.source or ""])

        return reject


def open_csv(path: Path) -> CsvTable:
    """Open a CSV file. Raises `BadInput` if it has no header or is not UTF-8."""
    with path.open("rb") as raw, _decoded(raw) as stream:
        sample = stream.read(SAMPLE)
    delimiter = _sniffed(sample)
    header = next(_rows(io.StringIO(sample, newline=""), delimiter), None)
    if header is None or not any(map(str.strip, header.cells)):
        raise BadInput(f"{path} does not begin with a line that names its columns.")
    if header.problem or any(map(_NO_NAME.search, header.cells)):
        raise BadInput(f"{path} is not a CSV file in UTF-8. Save it as such.")
    columns = tuple(cell.strip() for cell in header.cells)
    added = len(REPORT) if columns[-len(REPORT) :] == REPORT else 0
    return CsvTable(path, delimiter, _distinct(path, columns[: len(columns) - added]), added, path.stat().st_size)


def _distinct(path: Path, columns: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((column for index, column in enumerate(columns) if column and column in columns[:index]), None)
    if twice is not None:
        raise BadInput(f"{path} has two columns named {twice}. Rename one of them.")
    return columns


def _decoded(raw: BinaryIO) -> io.TextIOWrapper:
    # Bytes that are not UTF-8 become surrogates, so that only their own row is bad.
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _rows(stream: TextIO, delimiter: str) -> Iterator[Record]:
    csv.field_size_limit(LARGEST_CELL)
    reader = csv.reader(stream, delimiter=delimiter)
    while True:
        line = reader.line_num + 1
        try:
            yield Record(line, next(reader))
        except StopIteration:
            return
        except csv.Error:
            yield Record(line, (), f"A field has more than {LARGEST_CELL:,} characters. A quotation mark may be missing its partner.")


def _sniffed(sample: str) -> str:
    return max(DELIMITERS, key=lambda delimiter: _regularity(sample, delimiter))


def _regularity(sample: str, delimiter: str) -> tuple[int, int]:
    """Return how many rows have as many fields as the first, and that number. A single field counts as none."""
    widths = [len(record.cells) for record in _rows(io.StringIO(sample, newline=""), delimiter)]
    return (widths.count(widths[0]), widths[0]) if widths and widths[0] > 1 else (0, 0)
