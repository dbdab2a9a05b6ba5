"""The import itself: records in chunks, each chunk one transaction, and an account of what became of every row."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from app.importing.bad_rows import BadRows
from app.importing.repeats import Gathering, chunked, last_positions
from app.importing.rows import RowMaker
from app.importing.table import Record, Table
from models.errors import Problem
from resolvers.context import Context
from resolvers.imports import CHUNK, import_good_rows

Progress = Callable[[int], None]


@dataclass(slots=True)
class Summary:
    """What became of the rows; a repeated one is about a contact that another row is about too."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    bad: int = 0
    bad_rows: str = ""

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        repeated = f", {self.repeated:,} repeated" if self.repeated else ""
        written = f" (see {self.bad_rows})" if self.bad else ""
        told = f"{self.created:,} created, {self.updated:,} updated, {self.unchanged:,} unchanged{repeated}"
        return f"{rows}: {told}, {self.bad:,} bad{written}"


@dataclass(frozen=True, slots=True)
class Import:
    """One file on its way into one account."""

    context: Context
    table: Table
    maker: RowMaker

    async def run(self, progress: Progress) -> Summary:
        """Import every row that is in order; what is imported when it is interrupted stays."""
        summary = Summary()
        with BadRows(self.table) as bad_rows:
            for chunk in self._chunks(progress):
                reasons = await self._put(chunk, summary)
                for record, reason in sorted(zip(chunk, reasons, strict=True), key=lambda pair: pair[0].line):
                    if reason:
                        bad_rows.add(record, reason)
            summary.bad, summary.bad_rows = bad_rows.count, str(bad_rows.path)
        return summary

    def _chunks(self, progress: Progress) -> Iterator[list[Record]]:
        key = self.maker.key_of
        last = {} if self.maker.plan.email_column is None else last_positions(map(key, self.table.records(_silent)))
        return chunked(Gathering(key, last).together(self.table.records(progress)), CHUNK)

    async def _put(self, chunk: Sequence[Record], summary: Summary) -> list[str | None]:
        """Write the good rows of a chunk; returns for each record why it is bad, if it is."""
        reasons = [self.maker.problem_of(record) for record in chunk]
        rows = [self.maker.row(record) for record, reason in zip(chunk, reasons, strict=True) if reason is None]
        result = await import_good_rows(self.context, rows)
        ids = [contact_id for contact_id in result.contact_ids if contact_id is not None]
        summary.rows += len(chunk)
        summary.created += result.created
        summary.updated += result.updated
        summary.unchanged += len(set(ids)) - result.created - result.updated
        summary.repeated += len(ids) - len(set(ids))
        found = iter(result.problems)
        return [self._reason(next(found)) if reason is None else reason for reason in reasons]

    def _reason(self, problems: Sequence[Problem]) -> str | None:
        return " ".join(self._sentence(problem) for problem in problems) or None

    def _sentence(self, problem: Problem) -> str:
        names = [name for name in problem.path if name not in ("fields", "customFields")]
        column = next((found for name in names if (found := self.maker.plan.column_named(name))), None)
        return f"{column}: {problem.message}" if column else problem.message


def _silent(_read: int) -> None:
    """Nobody watches the first reading, which takes a small part of the time."""
