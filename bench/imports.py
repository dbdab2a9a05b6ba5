"""How fast contacts are imported and exported, beside `executemany` of the rows that an import stores.

    python -m bench.imports [--contacts 20000] [--rounds 3]

SQLite, 20 groups. In each round the floor stores what the import stored, table by table, from tuples that lie ready, with the
same indexes and as many transactions. Nothing is read, checked, searched for or evaluated.
"""

import argparse
import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

from app.commands.exports import ExportOrder, export_file
from app.commands.imports import ImportOrder, import_file
from app.files.importing.plan import ImportOptions
from bench.import_world import account_with_groups, write_people
from bench.raw_writes import PRAGMAS
from bench.servers import new_database, temporary_server
from bench.table import table
from models.engine.configuration import sqlite_path
from resolvers.records.imports import CHUNK

# The tables that an import fills, with what tells the contact; entries of the log, which are few, are taken as they are counted.
WRITTEN = {"contacts": "id", "search_terms": "contact_id", "taggings": "contact_id", "group_members": "record_id", "group_events": "id"}

STORED = "SELECT * FROM {name} WHERE {contact} > ? AND {contact} <= ? ORDER BY id"
FLOOR, FIRST, AGAIN, AS_CSV, AS_JSONL, FROM_JSONL = (
    "executemany of the same rows",
    "import of a CSV file",
    "import of it again",
    "export to CSV",
    "export to JSON lines",
    "import of the JSON lines",
)


class Rows(NamedTuple):
    """What one transaction stores in a table."""

    statement: str
    values: Sequence[tuple[Any, ...]]


class Cost(NamedTuple):
    """What something takes: the seconds that pass, and those that the processors are at work, which others disturb less."""

    seconds: float
    busy: float


async def timed(work: Callable[[], Awaitable[object]]) -> Cost:
    """What it takes, in this process with all of its threads."""
    began, busy = perf_counter(), process_time()
    await work()
    return Cost(perf_counter() - began, process_time() - busy)


def stored(url: str, count: int) -> list[list[Rows]]:
    """The rows of the tables that an import of so many contacts fills, a list for each transaction."""
    with closing(sqlite3.connect(sqlite_path(url))) as connection:
        return [[_rows(connection, name, start) for name in WRITTEN] for start in range(0, count, CHUNK)]


def _rows(connection: sqlite3.Connection, name: str, after: int) -> Rows:
    cursor = connection.execute(STORED.format(name=name, contact=WRITTEN[name]), (after, after + CHUNK))
    places = ", ".join("?" * len(cursor.description))
    return Rows(f"INSERT OR IGNORE INTO {name} VALUES ({places})", cursor.fetchall())


async def store(url: str, transactions: Sequence[Sequence[Rows]]) -> None:
    """Store them by hand."""
    with closing(sqlite3.connect(sqlite_path(url), isolation_level=None)) as connection:
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        for transaction in transactions:
            connection.execute("BEGIN IMMEDIATE")
            for rows in transaction:
                connection.executemany(rows.statement, rows.values)
            connection.execute("COMMIT")


async def a_round(server: str, people: Path, count: int) -> dict[str, Cost]:
    """The cost of each way, on databases of their own."""
    with tempfile.TemporaryDirectory(dir=people.parent) as directory:
        as_csv, as_jsonl = (Path(directory) / f"people.{suffix}" for suffix in ("csv", "jsonl"))
        async with new_database(server) as url:
            async with account_with_groups(url) as context:
                services = context.services
                found = {
                    FIRST: await timed(lambda: import_file(services, ImportOrder(people, None, ImportOptions()))),
                    AGAIN: await timed(lambda: import_file(services, ImportOrder(people, None, ImportOptions()))),
                    AS_CSV: await timed(lambda: export_file(services, ExportOrder(as_csv))),
                    AS_JSONL: await timed(lambda: export_file(services, ExportOrder(as_jsonl))),
                }
            rows = stored(url, count)
        async with new_database(server) as url, account_with_groups(url) as context:
            found[FROM_JSONL] = await timed(lambda: import_file(context.services, ImportOrder(as_jsonl, None, ImportOptions())))
        async with new_database(server) as url:
            async with account_with_groups(url):
                pass
            return {FLOOR: await timed(lambda: store(url, rows))} | found


async def measure(count: int, rounds: int) -> Iterator[list[str]]:
    """A row of the table for each way, in the median of all rounds."""
    with temporary_server("sqlite") as server:
        people = Path(server) / "people.csv"
        write_people(people, count)
        found = [await a_round(server, people, count) for _ in range(rounds)]
    return (_row(name, count, found) for name in found[0])


def _row(name: str, count: int, rounds: Sequence[dict[str, Cost]]) -> list[str]:
    seconds = median(each[name].seconds for each in rounds)
    ratio = median(each[name].seconds / each[FLOOR].seconds for each in rounds)
    busy = median(each[name].busy / each[FLOOR].busy for each in rounds)
    return [name, f"{seconds:.2f} s", f"{count / seconds:,.0f}", f"x {ratio:.2f}", f"x {busy:.2f}"]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description="Imports and exports beside executemany.")
    parser.add_argument("--contacts", type=int, default=20_000, help="rows of the file")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is gone")
    arguments = parser.parse_args()
    rows = asyncio.run(measure(arguments.contacts, arguments.rounds))
    print(table([f"{arguments.contacts:,} contacts", "time", "contacts/s", "to the floor", "processor"], list(rows)))


if __name__ == "__main__":
    main()
