"""Writes rows that were not imported to a file beside the imported one, with the reasons, so that they can be corrected and imported."""

from contextlib import AbstractContextManager, ExitStack
from typing import Self

from app.files.importing.table import Record, Table, WriteBadRow


class BadRows(AbstractContextManager["BadRows"]):
    """Collects bad rows in `FILE.errors.csv`.

    The file is created for the first bad row. A file of an earlier import is deleted.
    """

    def __init__(self, table: Table) -> None:
        self.path = table.path.with_suffix(f".errors{table.suffix}")
        self.count = 0
        self._table = table
        self._open = ExitStack()
        self._write: WriteBadRow | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def add(self, record: Record, reason: str) -> None:
        """Write one row with its error message."""
        if self._write is None:
            # Bytes that are not UTF-8 are written as they were read.
            stream = self._open.enter_context(self.path.open("w", encoding="utf-8", errors="surrogateescape", newline=""))
            self._write = self._table.bad_row_writer(stream)
        self.count += 1
        self._write(record, reason)
