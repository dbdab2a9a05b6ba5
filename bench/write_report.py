"""The table of what `bench.writes` has measured."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bench.table import table

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
CLIENTS = (1, 8, 32)


class Result(NamedTuple):
    """One measure of one account, and its ratio to the same by hand. The measure "in all" is compared with the first account."""

    engine: str
    account: str
    measure: str
    value: float
    ratio: float


def report(results: Sequence[Result]) -> str:
    """One table, a row for each account on each engine."""
    heads = [
        "Account",
        "waits",
        "database time",
        "in all, beside the first",
        "HTTP, 1 client",
        *(f"HTTP, {clients} clients" for clients in CLIENTS[1:]),
    ]
    rows = []
    for engine, account in dict.fromkeys((result.engine, result.account) for result in results):
        mine = {result.measure: result for result in results if (result.engine, result.account) == (engine, account)}
        rows.append([f"{NAMES[engine]}, {account}", *_cells(mine)])
    return table(heads, rows)


def _cells(mine: dict[str, Result]) -> Iterator[str]:
    yield f"{mine['waits'].value:.0f} to {mine['waits'].ratio:.0f}"
    yield f"{mine['database'].value:.2f} ms x {mine['database'].ratio:.2f}"
    yield f"{mine['in all'].value:.2f} ms x {mine['in all'].ratio:.2f}"
    yield f"{mine['latency 1'].value:.2f} ms x {mine['latency 1'].ratio:.2f}"
    for clients in CLIENTS[1:]:
        yield f"{mine[f'rate {clients}'].value:.0f}/s x {mine[f'rate {clients}'].ratio:.2f}"
