"""The import itself: records in chunks, each chunk one transaction, and an account of what became of every row."""

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
from app.files.importing.same_contact import brought_together
from app.files.importing.table import Progress, Record, Table
from models.errors import Conflict, Problem
from resolvers.operation.context import Context
from resolvers.records.drafts import Row
from resolvers.records.imports import CHUNK, import_good_rows
from resolvers.records.save_contacts import PutResult

AT_A_STRETCH = 4  # records that are prepared before the writing of others may go on, for which the database would wait
ATTEMPTS = 5  # to write a part; each waits for its turn, on SQLite for ten seconds
LONGEST_PAUSE = 0.5  # seconds before another attempt
LONGEST_ENDING = 10.0  # seconds that an interrupted import waits for what it has begun to write
LONGEST_WAIT = 0.0003  # seconds that one thread keeps another from Python
MOST_UNSEEN = 100_000  # new objects after which circles of garbage are looked for; a chunk is fewer


@dataclass(frozen=True, slots=True)
class Part:
    """A chunk of records on its way: why some of them cannot be rows, and the rows of the others, checked."""

    records: Sequence[Record]
    reasons: list[str | None] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

    def good(self) -> list[Record]:
        """The records that the rows are of."""
        return [record for record, reason in zip(self.records, self.reasons, strict=True) if reason is None]


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
    nameless: int = 0
    """How many were created that have nothing by which they would be found again."""
    last_nameless: int = 0
    """The line of the last of them."""

    def __str__(self) -> str:
        rows = "1 row" if self.rows == 1 else f"{self.rows:,} rows"
        repeated = f", {self.repeated:,} repeated" if self.repeated else ""
        written = f" (see {self.bad_rows})" if self.bad else ""
        told = f"{self.created:,} created, {self.updated:,} updated, {self.unchanged:,} unchanged{repeated}"
        return f"{rows}: {told}, {self.bad:,} bad{written}"

    def count(self, part: Part, result: PutResult) -> None:
        """Add what became of a part; its bad rows are counted where they are written down."""
        ids = [contact_id for contact_id in result.contact_ids if contact_id is not None]
        self.rows += len(part.records)
        self.created += result.created
        self.updated += result.updated
        self.unchanged += len(set(ids)) - result.created - result.updated
        self.repeated += len(ids) - len(set(ids))
        put = zip(part.good(), part.rows, result.contact_ids, strict=True)
        nameless = [record.line for record, row, contact_id in put if contact_id and not (row.contact_id or row.fields.get("email"))]
        self.nameless += len(nameless)
        self.last_nameless = max([self.last_nameless, *nameless])

    def so_far(self) -> str:
        """What is imported where an import has ended too early, and how to go on."""
        if not self.nameless:
            return f"So far {self}. To go on, import the file again: what is imported is found and stays as it is."
        return (
            f"So far {self}. To go on, import a copy of the file without the rows up to line {self.last_nameless} that have no e-mail"
            f" address: {self.nameless:,} of them are imported, and would be created a second time."
        )


@dataclass(frozen=True, slots=True)
class Import:
    """One file on its way into one account."""

    context: Context
    table: Table
    maker: RowMaker
    summary: Summary = field(default_factory=Summary)
    """What has become of the rows so far."""

    async def run(self, progress: Progress) -> Summary:
        """Import every row that is in order; what is imported when it is interrupted stays, and is in the summary."""
        with BadRows(self.table) as bad_rows, _seldom_collecting(), _often_switching():
            self.summary.bad_rows = str(bad_rows.path)
            chunks = self._chunks(progress)
            part = await self._prepared(chunks)
            while part.records:
                part = await self._put_and_prepare(part, chunks, bad_rows)
        return self.summary

    async def _put_and_prepare(self, part: Part, chunks: Iterator[list[Record]], bad_rows: BadRows) -> Part:
        """Write a part; the next one is read and checked while the database is busy with it, and is returned."""
        following = asyncio.create_task(self._prepared(chunks))
        try:
            await self._put(part, bad_rows)  # which is awaited to its end, whatever becomes of the other
            return await following
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    def _chunks(self, progress: Progress) -> Iterator[list[Record]]:
        return chunked(brought_together(self.table, self.maker, progress), CHUNK)

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

    async def _put(self, part: Part, bad_rows: BadRows) -> None:
        """Write a part, and its bad rows to their file; tried again where the database is busy."""
        often = AsyncRetrying(
            retry=retry_if_exception_type(Conflict),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random(0, LONGEST_PAUSE),
            reraise=True,
        )
        await often(self._attempt, part, bad_rows)

    async def _attempt(self, part: Part, bad_rows: BadRows) -> None:
        """Write a part; one that is begun is brought to its end when the import is interrupted, so that the summary is true."""
        writing = asyncio.create_task(self._write(part, bad_rows))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing], timeout=LONGEST_ENDING)
            writing.cancel()
            await asyncio.wait([writing])
            raise

    async def _write(self, part: Part, bad_rows: BadRows) -> None:
        result = await import_good_rows(self.context, part.rows)
        self.summary.count(part, result)
        found = iter(result.problems)
        reasons = [self._reason(next(found)) if reason is None else reason for reason in part.reasons]
        bad = [(record, reason) for record, reason in zip(part.records, reasons, strict=True) if reason]
        for record, reason in sorted(bad, key=lambda pair: pair[0].line):
            bad_rows.add(record, reason)
        self.summary.bad = bad_rows.count

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
