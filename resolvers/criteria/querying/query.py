"""Criteria as a query: a condition for the ORM that selects exactly the records for which the tree is true.

SQL has three truth values and criteria have two, so negation never meets a missing value: it is pushed down to the
leaves, where it becomes `IS NOT TRUE`, or the absence from a subquery whose column is never null.
"""

from enum import Enum
from typing import NamedTuple, assert_never

from tortoise.expressions import Q

from models.orm.filters import Filter
from models.orm.sql import ForEachGiven, Holders, IsHolder, Parameter, Sql, joined
from resolvers.criteria.language.operators import IS_EMPTY, Quantifier
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.language.tree import (
    AllOf,
    AnyOf,
    Column,
    Condition,
    Custom,
    Groups,
    Node,
    Not,
    OfContact,
    Related,
    TaggedAt,
    Tags,
    Tree,
)
from resolvers.criteria.semantics.checks import FEW, InSql, OneOf, Present
from resolvers.criteria.semantics.time import Now

Lists = frozenset[int]  # numbers of the lists in a query, in the order in which `criteria_lists` has them
NONE: Lists = frozenset()
MOST_JOINED = 24  # subqueries that PostgreSQL may join in whichever order is short: with ten times as many, to find it takes a minute


def criteria_query(tree: Tree, now: Now, long: Lists = NONE) -> Q:
    """The condition to filter the tree's kind of records by; the account is the caller's to restrict.

    Which lists are said to be `long` changes the time it takes on SQLite, never the records.
    """
    return Filter(lambda table: _Compiler(tree.account_id, now, long).node(tree.root, table, negated=False))


def criteria_sql(tree: Tree, now: Now, long: Lists = NONE) -> Sql:
    """The same condition as a part of statements of our own, in which the records' table goes by its name."""
    return _Compiler(tree.account_id, now, long).node(tree.root, tree.record_type.table, negated=False)


def criteria_lists(tree: Tree, now: Now) -> list[Sql]:
    """What SQLite would list to answer the query, as statements that select 1 for each entry."""
    compiler = _Compiler(tree.account_id, now, NONE)
    compiler.node(tree.root, tree.record_type.table, negated=False)
    return compiler.lists


class _Seek(Enum):
    """When SQLite is to look up records one by one, even where a list would not be long.

    Only where the rows of a record are found by the one index that fits: unless it has been told to ANALYZE, SQLite would
    otherwise rather read all rows with such a value anew for each record.
    """

    ABSENT = "for those who have none, who would be missing from a list"
    ALWAYS = "nearly everybody has one"
    NEVER = "another index fits too, or this is asked within another relation"


class _Values(NamedTuple):
    """Where the values of a source stand: the rows in scope have a record's id under `key` and a value in `column`.

    `through` is the table that has the column, where it is not the one with the key. `account` narrows what a list is made
    from; a single record has only rows of its own account. `scope_of_one` is the scope as it is written where a record's rows
    are looked up. At least `least` values must be held. A `long` list is looked up record by record in any case, and on
    PostgreSQL one that is to stay `apart`.
    """

    table: str
    key: str
    column: str
    scope: Sql | None = None
    account: Sql | None = None
    through: str | None = None
    seek: _Seek = _Seek.ABSENT
    scope_of_one: Sql | None = None
    least: int = 1
    long: bool = False
    apart: bool = False

    @property
    def qualified(self) -> str:
        return _name(self.through or self.table, self.column)

    @property
    def _key(self) -> str:
        return _name(self.table, self.key)

    @property
    def _tables(self) -> str:
        return f'"{self.through}" CROSS JOIN "{self.table}"' if self.through else f'"{self.table}"'

    def held(self, record: str, found: InSql, *, negated: bool) -> Sql:
        """That a record has, or has not, so many values for which this is true."""
        sought = self._of_one()._holders(found) if self.seeks(found, negated=negated) else None
        return Sql(IsHolder(record, Holders(self._holders(found), sought, self.least, self.apart), negated=negated))

    def seeks(self, found: InSql, *, negated: bool) -> bool:
        """Whether SQLite is to look up records one by one."""
        return not found.given and (self.long or self.seek is _Seek.ALWAYS or (self.seek is _Seek.ABSENT and negated))

    def entries(self, found: InSql) -> Sql:
        """A statement that selects 1 for each entry of the list."""
        return Sql("SELECT 1 FROM ", self._rows(found.where))

    def all_held(self, record: str, wanted: OneOf, *, negated: bool) -> Sql:
        """That a record has all of these values, or lacks one of them."""
        every = Sql(f" GROUP BY {self._key} HAVING COUNT(DISTINCT {self.qualified}) = ", Parameter(len(wanted.values)))
        listed = Sql(self._holders(wanted.in_sql(self.qualified)), every)
        return Sql(IsHolder(record, Holders(listed, apart=self.apart), negated=negated))

    def _of_one(self) -> "_Values":
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


class _Compiler:
    """Compiles nodes for one account and moment; `table` is the name under which the query knows the record's table."""

    def __init__(self, account_id: int, now: Now, long: Lists) -> None:
        self.lists: list[Sql] = []
        self._account_id = account_id
        self._now = now
        self._long = long
        self._in_relation = False
        self._asked = 0

    def node(self, node: Node, table: str, *, negated: bool) -> Sql:
        match node:
            case AllOf():
                return self._joined(node.children, table, negated=negated, word=" OR " if negated else " AND ")
            case AnyOf():
                return self._joined(node.children, table, negated=negated, word=" AND " if negated else " OR ")
            case Not():
                return self.node(node.child, table, negated=not negated)
            case OfContact(Related() as child):  # of whose contact nothing but the id is needed
                return self._related(child, _name(table, "contact_id"), negated=negated != child.negated)
            case OfContact():
                return self._of_contact(node.child, _name(table, "contact_id"), negated=negated)
            case Related():
                return self._related(node, _name(table, "id"), negated=negated != node.negated)
            case Condition():
                return self._condition(node, table, negated=negated != node.negated)
            case _:
                assert_never(node)

    def _joined(self, nodes: tuple[Node, ...], table: str, *, negated: bool, word: str) -> Sql:
        return joined(word, [self.node(node, table, negated=negated) for node in nodes])

    def _of_contact(self, child: Node, contact: str, *, negated: bool) -> Sql:
        values = _Values(CONTACT.table, "id", "", account=self._in_account(CONTACT.table))
        return self._held_within(values, child, contact, negated=negated)

    def _related(self, node: Related, contact: str, *, negated: bool) -> Sql:
        table = node.record_type.table
        seek = _Seek.ABSENT if node.where else _Seek.ALWAYS
        values = _Values(table, node.record_type.contact_column, "", account=self._in_account(table), seek=seek, least=node.least)
        return self._held_within(values, node.where, contact, negated=negated)

    def _held_within(self, values: _Values, inner: Node | None, record: str, *, negated: bool) -> Sql:
        first, nested = len(self.lists), self._in_relation
        self._in_relation = nested or values.table != CONTACT.table
        found = InSql(self.node(inner, values.table, negated=False) if inner else Sql("TRUE"))
        self._in_relation = nested
        if nested:  # one by one, that would take as many steps as there are records, to the power of their depth
            return self._placed(values)._replace(seek=_Seek.NEVER).held(record, found, negated=negated)
        within = range(first, len(self.lists))
        long = self._long.issuperset(within) if within else self._is_long(values, found, negated=negated)
        return self._placed(values)._replace(long=long).held(record, found, negated=negated)

    def _condition(self, condition: Condition, table: str, *, negated: bool) -> Sql:
        check = condition.check(self._now)
        if isinstance(condition.source, Column):
            column = _name(table, condition.source.column)
            where, given = check.in_sql(column)
            if isinstance(check, Present) and negated:
                return Sql(f"{column} IS NULL")
            if not given:
                return where.negate() if negated else where
        values = self._values(condition)
        record = _name(table, "id")
        if isinstance(check, OneOf) and condition.operator.quantifier is not Quantifier.SOME:
            exactly = condition.operator.quantifier is Quantifier.EXACTLY
            return self._each(record, values, check, exactly=exactly, negated=negated)
        return self._held(record, values, check.in_sql(values.qualified), negated=negated)

    def _each(self, record: str, values: _Values, check: OneOf, *, exactly: bool, negated: bool) -> Sql:
        found = self._has_each(record, values, check, negated=negated)
        if exactly:
            column = values.qualified
            other = InSql(Sql(f"{column} IS NOT NULL AND ", check.in_sql(column).where.negate()))
            found.append(self._held(record, values, other, negated=not negated))
        return joined(" OR " if negated else " AND ", found)

    def _has_each(self, record: str, values: _Values, check: OneOf, *, negated: bool) -> list[Sql]:
        if len(check.values) > FEW:
            return [self._placed(values).all_held(record, check, negated=negated)]
        each = [OneOf(frozenset([value])) for value in sorted(check.values, key=str)]
        return [self._held(record, values, one.in_sql(values.qualified), negated=negated) for one in each]

    def _held(self, record: str, values: _Values, found: InSql, *, negated: bool) -> Sql:
        long = self._is_long(values, found, negated=negated)
        return self._placed(values)._replace(long=long).held(record, found, negated=negated)

    def _placed(self, values: _Values) -> _Values:
        self._asked += 1
        return values._replace(apart=self._asked > MOST_JOINED)

    def _is_long(self, values: _Values, found: InSql, *, negated: bool) -> bool:
        """Whether this is a list and a long one."""
        if found.given or values.seeks(found, negated=negated):
            return False
        self.lists.append(values.entries(found))
        return len(self.lists) - 1 in self._long

    def _values(self, condition: Condition) -> _Values:
        match condition.source:
            case Column(record_type, field):
                table = record_type.table
                return _Values(table, "id", field.column, account=self._in_account(table))
            case Custom(field_id, column):
                scope = Sql('"field_id" = ', Parameter(field_id))
                # The + keeps SQLite from the indexes that begin with the field.
                return _Values("custom_values", "contact_id", column, scope, scope_of_one=Sql("+", scope), seek=_Seek.NEVER)
            case TaggedAt(tag_id):
                return _Values("taggings", "contact_id", "tagged_at", Sql('"tag_id" = ', Parameter(tag_id)))
            case Tags():
                # Ids of tags belong to one account; a second condition would cost the covering index.
                seek = _Seek.ALWAYS if condition.operator is IS_EMPTY else _Seek.ABSENT
                return _Values("taggings", "contact_id", "tag_id", seek=seek)
            case Groups():
                members = Sql('"group_members"."set_id" = "groups"."members_id"')
                return _Values("group_members", "record_id", "id", members, through="groups")
            case _:
                assert_never(condition.source)

    def _in_account(self, table: str) -> Sql:
        return Sql(_name(table, "account_id"), " = ", Parameter(self._account_id))


def _name(table: str, column: str) -> str:
    return f'"{table}"."{column}"'
