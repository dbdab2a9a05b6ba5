"""Batch query: which of many records match each of several criteria, by one pass over the records with a column for each criteria."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from models.engine.database import Database
from models.orm.numbers import collected, numbers_in
from models.orm.sql import Among, Parameter, Sql, only_row
from resolvers.criteria.language.record_types import RecordType
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.querying.query import criteria_lists, criteria_sql
from resolvers.criteria.semantics.time import Now

MOST_COLUMNS = 50  # of one statement: PostgreSQL plans each column, and both engines allow about two thousand


class RecordBatch(NamedTuple):
    """Records of one type, by their ids, and the moment at which criteria are evaluated."""

    database: Database
    record_type: RecordType
    ids: Sequence[int]
    now: Now


async def query_batch(batch: RecordBatch, trees: Mapping[int, Tree]) -> dict[int, list[int]]:
    """The records that match each of these criteria, by the keys of the criteria."""
    found: dict[int, list[int]] = {key: [] for key in trees}
    for keys in _parts(list(trees) if batch.ids else []):
        row = await _query(batch, [trees[key] for key in keys])
        found |= {key: numbers_in(row[f"column{number}"]) for number, key in enumerate(keys)}
    return found


def _parts(keys: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(keys), MOST_COLUMNS):
        yield keys[start : start + MOST_COLUMNS]


async def _query(batch: RecordBatch, trees: Sequence[Tree]) -> dict[str, Any]:
    table = batch.record_type.table
    columns = [part for number, tree in enumerate(trees) for part in (", ", *_column(batch, tree, number))]
    whole = Sql(
        "SELECT ", *columns[1:], f' FROM "{table}" WHERE "{table}"."id"', Among(batch.ids),
        f' AND "{table}"."account_id" = ', Parameter(trees[0].account_id),
    )  # fmt: skip  # names of our own
    return await only_row(batch.database, whole)


def _column(batch: RecordBatch, tree: Tree, number: int) -> tuple[str | Sql, ...]:
    # Conditions are checked for each of these records: a list of all matches would be as long as the account is large.
    long = frozenset(range(len(criteria_lists(tree, batch.now))))
    aggregate = collected(batch.database.engine, f'"{batch.record_type.table}"."id"')
    return f"{aggregate} FILTER (WHERE ", criteria_sql(tree, batch.now, long), f") AS column{number}"
