"""The table of what `bench.criteria` has measured."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from bench.questions import Question
from bench.table import table

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}

Column = tuple[str, int, str]  # engine, size, measure


class Result(NamedTuple):
    """One measure of one question: milliseconds, and how many times as long as the best by hand, in the median.

    `at_least` says that patience ran out and that the ratio may be larger.
    """

    engine: str
    size: int
    question: str
    measure: str
    compiled: float
    ratio: float
    at_least: bool = False


def report(results: Sequence[Result], questions: Sequence[Question]) -> str:
    """One table, a row for each question, and what it comes to."""
    columns = list(dict.fromkeys((result.engine, result.size, result.measure) for result in results if result.size))
    heads = ["Question", "compile", *(f"{NAMES[engine]} {_short(size)} {measure}" for engine, size, measure in columns)]
    rows = [[question.name, *_cells(question, columns, results)] for question in questions]
    return "\n".join([table(heads, rows), "", *_summary(columns, results)])


def _cells(question: Question, columns: Sequence[Column], results: Sequence[Result]) -> Iterator[str]:
    mine = [result for result in results if result.question == question.name]
    yield f"{max(result.compiled for result in mine if result.measure == 'compile'):.2f} ms"
    for column in columns:
        (result,) = [result for result in mine if (result.engine, result.size, result.measure) == column]
        yield f"{result.compiled:.2f} ms x {_ratio(result)}"


def _summary(columns: Sequence[Column], results: Sequence[Result]) -> Iterator[str]:
    for column in columns:
        found = [result for result in results if (result.engine, result.size, result.measure) == column]
        engine, size, measure = column
        usual, worst = median(result.ratio for result in found), max(found, key=lambda result: result.ratio)
        yield f"{NAMES[engine]} {_short(size)} {measure}: {usual:.2f} in the median, {_ratio(worst)} at most ({worst.question})"
    compilations = [result.compiled for result in results if result.measure == "compile"]
    yield f"compile: {median(compilations):.2f} ms in the median, {max(compilations):.2f} ms at most"


def _ratio(result: Result) -> str:
    return f"{'> ' if result.at_least else ''}{result.ratio:.2f}"


def _short(size: int) -> str:
    return f"{size // 1000}k" if size < 1_000_000 else f"{size / 1_000_000:g}M"
