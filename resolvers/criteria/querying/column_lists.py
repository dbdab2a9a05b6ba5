"""Lists that SQLite does not use by itself: records whose value in an indexed column meets a condition.

For the first records by id within a range of values, or with one of several values, SQLite would read all records by id.
"""

from typing import NamedTuple

from models.orm.sql import Parameter, Sql
from resolvers.criteria.language.tree import Column, Condition, Tree
from resolvers.criteria.semantics.checks import OneOf, Within
from resolvers.criteria.semantics.time import Now


class ColumnList(NamedTuple):
    """A statement that selects 1 for each record on the list, and the condition that a record is on it.

    SQLite begins with one that is `by_id` by itself, because in an index the ids follow each single value.
    """

    entries: Sql
    holds: Sql
    by_id: bool


def column_list(tree: Tree, condition: Condition, now: Now) -> ColumnList | None:
    """The records that meet a condition of the tree. None if no index leads to them."""
    source, check = condition.source, condition.check(now)
    if condition.negated or not isinstance(source, Column) or not source.field.indexed or not isinstance(check, OneOf | Within):
        return None
    table = f'"{tree.record_type.table}"'
    found = check.in_sql(f'{table}."{source.field.column}"')
    if found.given:
        return None
    rows = Sql(f"{table} WHERE {table}.account_id = ", Parameter(tree.account_id), " AND (", found.where, ")")
    return ColumnList(
        entries=Sql("SELECT 1 FROM ", rows),
        holds=Sql(f"{table}.id IN (SELECT {table}.id FROM ", rows, ")"),  # noqa: S608  # names of our own
        by_id=isinstance(check, OneOf) and len(check.values) == 1,
    )
