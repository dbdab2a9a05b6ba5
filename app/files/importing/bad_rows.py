"""The rows that were not imported: a file of the same format beside the imported one that says why, to be mended and imported again."""

from contextlib import AbstractContextManager, ExitStack
from typing import Self

from app.files.importing.table import Record, Reject, Table


class BadRows(AbstractContextManager["BadRows"]):
    """Collects bad rows in `FILE.errors.csv`, which is made for the first of them; one of an earlier import goes."""

    def __init__(self, table: Table) -> None:
        self.path = table.path.with_suffix(f".errors{table.suffix}")
        self.count = 0
        self._table = table
        self._open = ExitStack()
        self._reject: Reject | None = None

    def __enter__(self) -> Self:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self._open.close()

    def add(self, record: Record, reason: str) -> None:
        """Write down one row and why it is bad."""
        if self._reject is None:
            # What was not UTF-8 is written as it was read.
            stream = self._open.enter_context(self.path.open("w", encoding="utf-8", errors="surrogateescape", newline=""))
            self._reject = self._table.rejecting(stream)
        self.count += 1
        self._reject(record, reason)
