"""The import itself: records in chunks, each chunk one transaction, and an account of what became of every row."""

import asyncio
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.importing.bad_rows import BadRows
from app.importing.repeats import Gathering, chunked, last_positions
from app.importing.rows import RowMaker
from app.importing.table import Progress, Record, Table
from models.errors import Problem
from resolvers.context import Context
from resolvers.drafts import Row
from resolvers.imports import CHUNK, import_good_rows

AT_A_STRETCH = 4  # records that are prepared before the writing of others may go on, for which the database would wait
LONGEST_WAIT = 0.0003  # seconds that one thread keeps another from Python
MOST_UNSEEN = 100_000  # new objects after which circles of garbage are looked for; a chunk is fewer


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
class Part:
    """A chunk of records on its way: why some of them cannot be rows, and the rows of the others, checked."""

    records: Sequence[Record]
    reasons: list[str | None] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Import:
    """One file on its way into one account."""

    context: Context
    table: Table
    maker: RowMaker

    async def run(self, progress: Progress) -> Summary:
        """Import every row that is in order; what is imported when it is interrupted stays."""
        summary = Summary()
        with BadRows(self.table) as bad_rows, _seldom_collecting(), _often_switching():
            chunks = self._chunks(progress)
            part = await self._prepared(chunks)
            while part.records:
                # While the database is busy with one part, the next one is read and checked.
                reasons, following = await asyncio.gather(self._put(part, summary), self._prepared(chunks))
                bad = [(record, reason) for record, reason in zip(part.records, reasons, strict=True) if reason]
                for record, reason in sorted(bad, key=lambda pair: pair[0].line):
                    bad_rows.add(record, reason)
                part = following
            summary.bad, summary.bad_rows = bad_rows.count, str(bad_rows.path)
        return summary

    def _chunks(self, progress: Progress) -> Iterator[list[Record]]:
        key = self.maker.key_of
        finds = self.maker.plan.email_column is not None or self.maker.plan.is_export
        last = last_positions(map(key, self.table.records(_silent))) if finds else {}
        return chunked(Gathering(key, last).together(self.table.records(progress)), CHUNK)

    async def _prepared(self, chunks: Iterator[list[Record]]) -> Part:
        """The next chunk; empty at the end."""
        part = Part(next(chunks, []))
        for index, record in enumerate(part.records):
            if index % AT_A_STRETCH == 0:
                await asyncio.sleep(0)
            part.reasons.append(self.maker.problem_of(record))
            if part.reasons[-1] is None:
                part.rows.append(self.maker.row(record))
        return part

    async def _put(self, part: Part, summary: Summary) -> list[str | None]:
        """Write the good rows of a part; returns for each record why it is bad, if it is."""
        result = await import_good_rows(self.context, part.rows)
        ids = [contact_id for contact_id in result.contact_ids if contact_id is not None]
        summary.rows += len(part.records)
        summary.created += result.created
        summary.updated += result.updated
        summary.unchanged += len(set(ids)) - result.created - result.updated
        summary.repeated += len(ids) - len(set(ids))
        found = iter(result.problems)
        return [self._reason(next(found)) if reason is None else reason for reason in part.reasons]

    def _reason(self, problems: Sequence[Problem]) -> str | None:
        return " ".join(self._sentence(problem) for problem in problems) or None

    def _sentence(self, problem: Problem) -> str:
        column = self.maker.plan.column_at(problem.path)
        return f"{column}: {problem.message}" if column else problem.message


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Let the garbage collector work seldom: rows make many objects and no circles, and to look for some took a quarter of the time."""
    before = gc.get_threshold()
    gc.set_threshold(MOST_UNSEEN, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _often_switching() -> Iterator[None]:
    """Let the database's thread go on soon after each statement: by default it waits a while for whoever prepares the next part."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(LONGEST_WAIT)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _silent(_read: int) -> None:
    """Nobody watches the first reading, which takes a small part of the time."""
