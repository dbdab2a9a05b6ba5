"""Runs an import: saves records in chunks, one transaction each, and counts what happened to every row."""

import asyncio
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from app.files.importing.bad_rows import BadRows
from app.files.importing.repeats import chunked
from app.files.importing.rows import RowMaker
from app.files.importing.same_contact import records_by_contact
from app.files.importing.table import Progress, Record, Table
from models.errors import Conflict, Problem
from resolvers.operation.context import Context
from resolvers.records.drafts import Row
from resolvers.records.imports import CHUNK, import_good_rows
from resolvers.records.save_contacts import SaveResult

RECORDS_BETWEEN_YIELDS = 4  # records that are checked before the task yields, because the database waits meanwhile
ATTEMPTS = 5  # to save a chunk. Each waits for the database, on SQLite for ten seconds
LONGEST_PAUSE = 0.5  # seconds before another attempt
LONGEST_ENDING = 10.0  # seconds that an interrupted import waits for the chunk that it is saving
SWITCH_SECONDS = 0.0003  # seconds before a thread gives way to another (sys.setswitchinterval)
GC_THRESHOLD = 100_000  # new objects before the garbage collector runs, more than a chunk creates


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk of records: the reasons why some cannot become rows, and the checked rows of the others."""

    records: Sequence[Record]
    reasons: list[str | None] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def good(self) -> list[Record]:
        """Return the records that have become rows."""
        return [record for record, reason in zip(self.records, self.reasons, strict=True) if reason is None]


@dataclass(slots=True)
class Summary:
    """Counts of what happened to the rows. A repeated row is about a contact that another row is about, too."""

    rows: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    repeated: int = 0
    bad: int = 0
    bad_rows: str = ""
    without_key: int = 0
    """Contacts created from rows without an id or e-mail address, which a second import would create again."""
    last_without_key: int = 0
    """The line of the last such row."""

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        repeated = f", {self.repeated:,} repeated" if self.repeated else ""
        written = f" (see {self.bad_rows})" if self.bad else ""
        told = f"{self.created:,} created, {self.updated:,} updated, {self.unchanged:,} unchanged{repeated}"
        return f"{rows}: {told}, {self.bad:,} bad{written}"

    def count(self, chunk: Chunk, result: SaveResult) -> None:
        """Add the result of a chunk, except for its bad rows, which are counted as they are written."""
        ids = [contact_id for contact_id in result.contact_ids if contact_id is not None]
        self.rows += len(chunk.records)
        self.created += result.created
        self.updated += result.updated
        self.unchanged += len(set(ids)) - result.created - result.updated
        self.repeated += len(ids) - len(set(ids))
        saved = zip(chunk.good(), chunk.rows, result.contact_ids, strict=True)
        without_key = [record.line for record, row, contact_id in saved if contact_id and not (row.contact_id or row.fields.get("email"))]
        self.without_key += len(without_key)
        self.last_without_key = max([self.last_without_key, *without_key])

    def so_far(self) -> str:
        """Return what was imported before an early end, and how to continue."""
        if not self.without_key:
            return f"So far {self}. To continue, import the file again: rows that were imported are recognised and change nothing."
        return (
            f"So far {self}. To continue, import a copy of the file without the rows up to line {self.last_without_key} that have no e-mail"
            f" address: {self.without_key:,} of them were imported, and would be created a second time."
        )


@dataclass(frozen=True, slots=True)
class Import:
    """The import of one file into one account."""

    context: Context
    table: Table
    maker: RowMaker
    summary: Summary = field(default_factory=Summary)
    """Counts of what happened so far."""

    async def run(self, progress: Progress) -> Summary:
        """Import every valid row. If it is interrupted, finished chunks stay and are counted in the summary."""
        with BadRows(self.table) as bad_rows, _rare_garbage_collection(), _frequent_thread_switches():
            self.summary.bad_rows = str(bad_rows.path)
            chunks = self._chunks(progress)
            chunk = await self._prepared(chunks)
            while chunk.records:
                chunk = await self._save_and_prepare(chunk, chunks, bad_rows)
        return self.summary

    async def _save_and_prepare(self, chunk: Chunk, chunks: Iterator[list[Record]], bad_rows: BadRows) -> Chunk:
        """Save a chunk while the next one is read and checked, and return the next one."""
        following = asyncio.create_task(self._prepared(chunks))
        try:
            await self._save(chunk, bad_rows)  # finishes even if reading the next chunk fails
            return await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _chunks(self, progress: Progress) -> Iterator[list[Record]]:
        return chunked(records_by_contact(self.table, self.maker, progress), CHUNK)

    async def _prepared(self, chunks: Iterator[list[Record]]) -> Chunk:
        """Read and check the next chunk, which is empty at the end of the file."""
        chunk = Chunk(next(chunks, []))
        for index, record in enumerate(chunk.records):
            if index % RECORDS_BETWEEN_YIELDS == 0:
                await asyncio.sleep(0)
            chunk.reasons.append(self.maker.problem_of(record))
            if chunk.reasons[-1] is None:
                chunk.rows.append(self.maker.row(record))
        return chunk

    async def _save(self, chunk: Chunk, bad_rows: BadRows) -> None:
        """Save a chunk and write its bad rows, retrying while the database is busy."""
        often = AsyncRetrying(
            retry=retry_if_exception_type(Conflict),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random(0, LONGEST_PAUSE),
            reraise=True,
        )
        await often(self._attempt, chunk, bad_rows)

    async def _attempt(self, chunk: Chunk, bad_rows: BadRows) -> None:
        """Save a chunk, and let it finish even if the import is interrupted, so that the summary is correct."""
        writing = asyncio.create_task(self._write(chunk, bad_rows))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing], timeout=LONGEST_ENDING)
            writing.cancel()
            await asyncio.wait([writing])
            raise

    async def _write(self, chunk: Chunk, bad_rows: BadRows) -> None:
        result = await import_good_rows(self.context, chunk.rows)
        self.summary.count(chunk, result)
        found = iter(result.problems)
        reasons = [self._reason(next(found)) if reason is None else reason for reason in chunk.reasons]
        bad = [(record, reason) for record, reason in zip(chunk.records, reasons, strict=True) if reason]
        for record, reason in sorted(bad, key=lambda pair: pair[0].line):
            bad_rows.add(record, reason)
        self.summary.bad = bad_rows.count

    def _reason(self, problems: Sequence[Problem]) -> str | None:
        return " ".join(self._sentence(problem) for problem in problems) or None

    def _sentence(self, problem: Problem) -> str:
        column = self.maker.plan.column_at(problem.path)
        return f"{column}: {problem.message}" if column else problem.message


@contextmanager
def _rare_garbage_collection() -> Iterator[None]:
    """Let the garbage collector run rarely, because rows create many objects and no cycles, and it took a quarter of the time."""
    before = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


@contextmanager
def _frequent_thread_switches() -> Iterator[None]:
    """Shorten Python's switch interval, so that the database's thread continues soon after each statement."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
