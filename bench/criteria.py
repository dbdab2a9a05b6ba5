"""How fast criteria are: compiled queries beside SQL written by hand for the same questions, and the time to compile them.

    python -m bench.criteria [--sizes 10000 100000 1000000] [--engines sqlite postgresql] [--only WORD]

Each engine has a process of its own, because the ORM serves only one engine per process. All results are in one table.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from functools import cache, partial
from operator import truediv
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

from bench.criteria_report import NAMES, Result, report
from bench.dataset import ACCOUNT, NOW_US, ZONE, batches, vocabulary
from bench.loading import load
from bench.questions import QUESTIONS, Question
from bench.servers import new_database, single_connection, temporary_server
from bench.timing import interleaved
from models import Appointment, Contact
from models.engine.database import Database
from models.engine.statement import Engine, prepare
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.querying.lists import Way, choice, ways
from resolvers.criteria.semantics.time import Now
from resolvers.reading.selection import Criterion, Selection

SIZES = (10_000, 100_000)
ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")
PAGE = 50
COLUMNS = ("id", "updated_at")  # the second makes the engine go to the row itself, as for a whole one
COMPILATIONS = 100
SECONDS = 1.0  # for all the rounds of one measurement
MEASURES = ("count", "page")
PATIENCE = 30.0  # seconds for a statement, after which its time is only known to be longer
HOPELESS = 10  # a way to write it that takes so many times as long as another is not tried again
VOCABULARY = vocabulary()
LIMITS = CriteriaLimits()

NOW = Now(NOW_US, ZONE)
EVERYTHING = Way()

Rows = list[dict[str, Any]]
Ask = Callable[[], Awaitable[Rows | None]]


class Sql(NamedTuple):
    """A statement with its parameters."""

    text: str
    parameters: list[Any]


class Attempt(NamedTuple):
    """A question asked for the first time: what it answered, or None if patience ran out, and after how many seconds."""

    ask: Ask
    answer: list[Any] | None
    seconds: float


def compiled(database: Database, tree: Tree, measure: str, way: Way = EVERYTHING) -> Sql:
    """What the product makes of criteria for the database."""
    model: Any = Contact if tree.record_type is CONTACT else Appointment
    selection: Selection[Any] = Selection(model.filter(account_id=ACCOUNT), Criterion(database, tree, NOW))
    found = selection.found(way)
    asked: Any = found.count() if measure == "count" else found.order_by("id").limit(PAGE).values(*COLUMNS)
    asked._choose_db_if_not_chosen()
    asked._make_query()
    return Sql(*asked.query.get_parameterized_sql(asked.query.QUERY_CLS.SQL_CONTEXT))


def by_hand(question: Question, measure: str, engine: Engine) -> list[Sql]:
    """Every way to write the same by hand."""
    (records,) = question.document
    selected = ", ".join(f"{records}.{column}" for column in COLUMNS)
    head, tail = ("COUNT(*)", "") if measure == "count" else (selected, f" ORDER BY {records}.id LIMIT {PAGE}")
    statements = [prepare(f"SELECT {head} {text}{tail}", engine) for text in question.hand_written(engine)]
    return [Sql(statement.sql, statement.bind(question.parameters)) for statement in statements]


async def run(database: Database, sql: Sql) -> Rows | None:
    """The rows of a statement, or None when patience runs out."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await database.connection.execute_query_dict(sql.text, sql.parameters)
    except TimeoutError:
        return None


def as_the_product(database: Database, question: Question, measure: str) -> Ask:
    """The question as the product asks it: a page on SQLite may take several statements, each compiled once."""
    tree = parse(question.document, VOCABULARY, LIMITS)
    compile_once = cache(partial(compiled, database, tree, measure))
    if measure == "count":
        return partial(run, database, compile_once())
    found = choice(database, tree, NOW)

    async def page() -> Rows | None:
        rows: Rows | None = None
        async with aclosing(ways(database, found)) as each_way:
            async for way in each_way:
                rows = await run(database, compile_once(way))
                if rows is None or len(rows) == PAGE:
                    break
        return rows

    return page


async def attempt(ask: Ask) -> Attempt:
    """Ask for the first time."""
    start = perf_counter()
    rows = await ask()
    answer = None if rows is None else [row.get("id") or next(iter(row.values())) for row in rows]
    return Attempt(ask, answer, perf_counter() - start)


async def compare(database: Database, size: int, question: Question, measure: str) -> Result:
    """Time the compiled query in turns with those by hand, once they have all given the same answer."""
    mine = await attempt(as_the_product(database, question, measure))
    rivals = [await attempt(partial(run, database, rival)) for rival in by_hand(question, measure, database.engine)]
    answers = [each.answer for each in (mine, *rivals) if each.answer is not None]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit(f"{question.name}: the answers differ: {[answer[:5] for answer in answers]}")
    fastest = min(rival.seconds for rival in rivals)
    result = partial(Result, database.engine, size, question.name, measure)
    if mine.answer is None:
        return result(PATIENCE * 1000, PATIENCE / fastest, at_least=True)
    promising = [rival.ask for rival in rivals if rival.seconds <= HOPELESS * fastest and rival.answer is not None]
    times, *others = await interleaved([mine.ask, *promising], seconds=SECONDS)
    best = min(others, key=median)
    return result(median(times), median(map(truediv, times, best)))


def compile_time(database: Database, question: Question) -> Result:
    """The time from the document to SQL, which no hand-written query has."""
    times = []
    for _ in range(COMPILATIONS):
        start = perf_counter()
        tree = parse(question.document, VOCABULARY, LIMITS)
        choice(database, tree, NOW)
        compiled(database, tree, "page")
        times.append((perf_counter() - start) * 1000)
    return Result(database.engine, 0, question.name, "compile", median(times), 0.0)


async def measure_engine(engine: Engine, sizes: Sequence[int], questions: Sequence[Question]) -> None:
    """Measure everything on one engine, and print each result as a line of JSON."""
    with temporary_server(engine) as server:
        for size in sizes:
            async with new_database(server) as url:
                _tell(f"{NAMES[engine]}: loading {size:,} contacts")
                await load(url, batches(size))
                async with single_connection(url) as database:
                    await _measure_size(database, size, questions)


async def _measure_size(database: Database, size: int, questions: Sequence[Question]) -> None:
    _tell(f"{NAMES[database.engine]}: measuring with {size:,} contacts")
    for question in questions:
        found = [await compare(database, size, question, measure) for measure in MEASURES]
        for result in [*found, compile_time(database, question)]:
            print(json.dumps(result), flush=True)


def results_of(engine: Engine, arguments: argparse.Namespace) -> Iterator[Result]:
    """What a process of its own finds out about one engine."""
    sizes = [str(size) for size in arguments.sizes]
    command = [sys.executable, "-m", "bench.criteria", "--within", engine, "--only", arguments.only, "--sizes", *sizes]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None  # noqa: S101  # it was asked for
        for line in process.stdout:
            yield Result(*json.loads(line))
    if process.returncode:
        raise SystemExit(process.returncode)


def _tell(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.criteria", description="Compiled criteria beside hand-written SQL.")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="numbers of contacts to measure with")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--only", default="", help="only the questions with this word in their name")
    parser.add_argument("--within", choices=ENGINES, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Measure, and print the table."""
    arguments = _arguments()
    questions = [question for question in QUESTIONS if arguments.only in question.name]
    if arguments.within:
        asyncio.run(measure_engine(arguments.within, arguments.sizes, questions))
        return
    results = [result for engine in arguments.engines for result in results_of(engine, arguments)]
    print(report(results, questions))


if __name__ == "__main__":
    main()
