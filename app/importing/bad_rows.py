"""The rows that were not imported: a CSV file beside the imported one that says why, to be mended and imported again."""

import csv
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

from app.importing.table import ADDED, Record, Table


class BadRows(AbstractContextManager["BadRows"]):
    """Collects bad rows in `FILE.errors.csv`, which is made for the first of them; one of an earlier import goes."""

    def __init__(self, table: Table) -> None:
        self.path = path_beside(table.path)
        self.count = 0
        self._table = table
        self._open = ExitStack()
        self._writer: Any = None  # the csv module does not name the type

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def add(self, record: Record, reason: str) -> None:
        """Write down one row and why it is bad."""
        if self._writer is None:
            self._writer = self._start()
        self.count += 1
        missing = len(self._table.columns) - len(record.cells)
        self._writer.writerow([*record.cells, *[""] * missing, record.line, reason])

    def _start(self) -> Any:
        # What was not UTF-8 is written as it was read.
        stream = self._open.enter_context(self.path.open("w", encoding="utf-8", errors="surrogateescape", newline=""))
        writer = csv.writer(stream, delimiter=self._table.delimiter)
        writer.writerow([*self._table.columns, *ADDED])
        return writer


def path_beside(path: Path) -> Path:
    """Where the bad rows of a file go: people.csv has people.errors.csv."""
    return path.with_suffix(".errors.csv")
