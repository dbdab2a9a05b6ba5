"""Where the values of a source are stored, and how a query finds the records that have certain values there."""

from enum import Enum
from typing import NamedTuple

from models.orm.sql import ForEachGiven, Holders, IsHolder, Parameter, Sql
from resolvers.criteria.semantics.checks import InSql, OneOf


class LookUp(Enum):
    """When SQLite looks up the rows of each record, instead of listing all records that have such rows.

    This is only quick where exactly one index fits the rows of a record. Otherwise SQLite, which has no statistics without
    ANALYZE, may read all rows with such a value again for each record.
    """

    ABSENT = "for records without such rows, which a list does not contain"
    ALWAYS = "nearly every record has such rows, so that a list is long"
    NEVER = "another index fits too, or the condition stands within another relation"


class ValueRows(NamedTuple):
    """The rows that hold the values of a source: each has the id of a record in `key` and a value in `column`.

    `through` is the table that has the column, if that is not the one with the key. `scope` restricts the rows, and `account`
    restricts those from which a list is made. `scope_of_one` is written in place of `scope` where the rows of one record are
    looked up. A record must have at least `least` such rows. If a list is `long`, the rows of each record are looked up in
    any case. PostgreSQL does not join a list that stays `apart`.
    """

    table: str
    key: str
    column: str
    scope: Sql | None = None
    account: Sql | None = None
    through: str | None = None
    look_up: LookUp = LookUp.ABSENT
    scope_of_one: Sql | None = None
    least: int = 1
    long: bool = False
    apart: bool = False

    @property
    def qualified(self) -> str:
        """The name of the column with its table."""
        return qualified_name(self.through or self.table, self.column)

    @property
    def _key(self) -> str:
        return qualified_name(self.table, self.key)

    @property
    def _tables(self) -> str:
        return f'"{self.through}" CROSS JOIN "{self.table}"' if self.through else f'"{self.table}"'

    def held(self, record: str, found: InSql, *, negated: bool) -> Sql:
        """The condition that a record has, or does not have, enough values that pass the check."""
        sought = self._of_one()._holders(found) if self.looks_up(found, negated=negated) else None
        return Sql(IsHolder(record, Holders(self._holders(found), sought, self.least, self.apart), negated=negated))

    def looks_up(self, found: InSql, *, negated: bool) -> bool:
        """Whether SQLite looks up the rows of each record."""
        return not found.given and (self.long or self.look_up is LookUp.ALWAYS or (self.look_up is LookUp.ABSENT and negated))

    def entries(self, found: InSql) -> Sql:
        """A statement that selects 1 for each entry of the list."""
        return Sql("SELECT 1 FROM ", self._rows(found.where))

    def all_held(self, record: str, wanted: OneOf, *, negated: bool) -> Sql:
        """The condition that a record has all of these values, or, negated, that it lacks one of them."""
        every = Sql(f" GROUP BY {self._key} HAVING COUNT(DISTINCT {self.qualified}) = ", Parameter(len(wanted.values)))
        listed = Sql(self._holders(wanted.in_sql(self.qualified)), every)
        return Sql(IsHolder(record, Holders(listed, apart=self.apart), negated=negated))

    def _of_one(self) -> "ValueRows":
        return self._replace(account=None, scope=self.scope_of_one or self.scope)

    def _holders(self, found: InSql) -> Sql | ForEachGiven:
        rows = self._rows(found.where)
        if found.given:
            return ForEachGiven(found.given, self._key, rows, self._extent())
        return Sql(f"SELECT {self._key} AS holder FROM ", rows)  # noqa: S608  # names of our own

    def _extent(self) -> Sql:
        rows = self._rows(Sql(f"{self.qualified} IS NOT NULL"))
        least, greatest = (Sql(f"(SELECT {end}({self.qualified}) FROM ", rows, ")") for end in ("MIN", "MAX"))  # noqa: S608  # as above
        return Sql("SELECT ", least, " AS least, ", greatest, " AS greatest")

    def _rows(self, condition: Sql) -> Sql:
        narrowed = [part for each in (self.account, self.scope) if each for part in (each, " AND ")]
        return Sql(f"{self._tables} WHERE ", *narrowed, condition)


def qualified_name(table: str, column: str) -> str:
    """The name of a column with its table, in SQL."""
    return f'"{table}"."{column}"'
