"""Criteria as SQL: a condition that selects exactly the records for which the tree is true.

SQL has three truth values and criteria have two. Negation is therefore pushed down to the conditions, where it becomes
`IS NOT TRUE`, or the absence from a subquery whose column is never null.
"""

from typing import assert_never

from tortoise.expressions import Q

from models.orm.filters import Filter
from models.orm.sql import Parameter, Sql, joined
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
from resolvers.criteria.querying.value_rows import LookUp, ValueRows, qualified_name
from resolvers.criteria.semantics.checks import FEW, InSql, OneOf, Present
from resolvers.criteria.semantics.time import Now

Lists = frozenset[int]  # numbers of the lists in a query, in the order in which `criteria_lists` has them
NONE: Lists = frozenset()
MOST_JOINED = 24  # subqueries whose order of joins PostgreSQL chooses: with ten times as many, planning takes a minute


def criteria_query(tree: Tree, now: Now, long: Lists = NONE) -> Q:
    """The condition by which the ORM filters records of the tree's type. The caller restricts the account.

    Which lists are given as `long` changes how SQLite finds the records, never which records are found.
    """
    return Filter(lambda table: _Compiler(tree.account_id, now, long).node(tree.root, table, negated=False))


def criteria_sql(tree: Tree, now: Now, long: Lists = NONE) -> Sql:
    """The same condition for raw statements, in which the table of the records has its own name."""
    return _Compiler(tree.account_id, now, long).node(tree.root, tree.record_type.table, negated=False)


def criteria_lists(tree: Tree, now: Now) -> list[Sql]:
    """The lists that SQLite would make for the query, as statements that select 1 for each entry."""
    compiler = _Compiler(tree.account_id, now, NONE)
    compiler.node(tree.root, tree.record_type.table, negated=False)
    return compiler.lists


class _Compiler:
    """Compiles nodes for one account and moment. `table` is the name that the table of the records has in the query."""

    def __init__(self, account_id: int, now: Now, long: Lists) -> None:
        self.lists: list[Sql] = []
        self._account_id = account_id
        self._now = now
        self._long = long
        self._in_relation = False
        self._subqueries = 0

    def node(self, node: Node, table: str, *, negated: bool) -> Sql:
        match node:
            case AllOf():
                return self._joined(node.children, table, negated=negated, word=" OR " if negated else " AND ")
            case AnyOf():
                return self._joined(node.children, table, negated=negated, word=" AND " if negated else " OR ")
            case Not():
                return self.node(node.child, table, negated=not negated)
            case OfContact(Related() as child):  # which needs only the id of the contact
                return self._related(child, qualified_name(table, "contact_id"), negated=negated != child.negated)
            case OfContact():
                return self._of_contact(node.child, qualified_name(table, "contact_id"), negated=negated)
            case Related():
                return self._related(node, qualified_name(table, "id"), negated=negated != node.negated)
            case Condition():
                return self._condition(node, table, negated=negated != node.negated)
            case _:
                assert_never(node)

    def _joined(self, nodes: tuple[Node, ...], table: str, *, negated: bool, word: str) -> Sql:
        return joined(word, [self.node(node, table, negated=negated) for node in nodes])

    def _of_contact(self, child: Node, contact: str, *, negated: bool) -> Sql:
        values = ValueRows(CONTACT.table, "id", "", account=self._in_account(CONTACT.table))
        return self._held_within(values, child, contact, negated=negated)

    def _related(self, node: Related, contact: str, *, negated: bool) -> Sql:
        table = node.record_type.table
        look_up = LookUp.ABSENT if node.where else LookUp.ALWAYS
        values = ValueRows(table, node.record_type.contact_column, "", account=self._in_account(table), look_up=look_up, least=node.least)
        return self._held_within(values, node.where, contact, negated=negated)

    def _held_within(self, values: ValueRows, inner: Node | None, record: str, *, negated: bool) -> Sql:
        first, nested = len(self.lists), self._in_relation
        self._in_relation = nested or values.table != CONTACT.table
        found = InSql(self.node(inner, values.table, negated=False) if inner else Sql("TRUE"))
        self._in_relation = nested
        if nested:  # looking up each record would take as many steps as there are records, to the power of the depth
            return self._placed(values)._replace(look_up=LookUp.NEVER).held(record, found, negated=negated)
        within = range(first, len(self.lists))
        long = self._long.issuperset(within) if within else self._is_long(values, found, negated=negated)
        return self._placed(values)._replace(long=long).held(record, found, negated=negated)

    def _condition(self, condition: Condition, table: str, *, negated: bool) -> Sql:
        check = condition.check(self._now)
        if isinstance(condition.source, Column):
            column = qualified_name(table, condition.source.column)
            where, given = check.in_sql(column)
            if isinstance(check, Present) and negated:
                return Sql(f"{column} IS NULL")
            if not given:
                return where.negate() if negated else where
        values = self._values(condition)
        record = qualified_name(table, "id")
        if isinstance(check, OneOf) and condition.operator.quantifier is not Quantifier.SOME:
            exactly = condition.operator.quantifier is Quantifier.EXACTLY
            return self._each(record, values, check, exactly=exactly, negated=negated)
        return self._held(record, values, check.in_sql(values.qualified), negated=negated)

    def _each(self, record: str, values: ValueRows, check: OneOf, *, exactly: bool, negated: bool) -> Sql:
        found = self._has_each(record, values, check, negated=negated)
        if exactly:
            column = values.qualified
            other = InSql(Sql(f"{column} IS NOT NULL AND ", check.in_sql(column).where.negate()))
            found.append(self._held(record, values, other, negated=not negated))
        return joined(" OR " if negated else " AND ", found)

    def _has_each(self, record: str, values: ValueRows, check: OneOf, *, negated: bool) -> list[Sql]:
        if len(check.values) > FEW:
            return [self._placed(values).all_held(record, check, negated=negated)]
        each = [OneOf(frozenset([value])) for value in sorted(check.values, key=str)]
        return [self._held(record, values, one.in_sql(values.qualified), negated=negated) for one in each]

    def _held(self, record: str, values: ValueRows, found: InSql, *, negated: bool) -> Sql:
        long = self._is_long(values, found, negated=negated)
        return self._placed(values)._replace(long=long).held(record, found, negated=negated)

    def _placed(self, values: ValueRows) -> ValueRows:
        self._subqueries += 1
        return values._replace(apart=self._subqueries > MOST_JOINED)

    def _is_long(self, values: ValueRows, found: InSql, *, negated: bool) -> bool:
        """Whether SQLite would make a list here, which is a long one. The list is added to `lists`."""
        if found.given or values.looks_up(found, negated=negated):
            return False
        self.lists.append(values.entries(found))
        return len(self.lists) - 1 in self._long

    def _values(self, condition: Condition) -> ValueRows:
        match condition.source:
            case Column(record_type, field):
                table = record_type.table
                return ValueRows(table, "id", field.column, account=self._in_account(table))
            case Custom(field_id, column):
                scope = Sql('"field_id" = ', Parameter(field_id))
                # The + keeps SQLite from using the indexes that begin with the field.
                return ValueRows("custom_values", "contact_id", column, scope, scope_of_one=Sql("+", scope), look_up=LookUp.NEVER)
            case TaggedAt(tag_id):
                return ValueRows("taggings", "contact_id", "tagged_at", Sql('"tag_id" = ', Parameter(tag_id)))
            case Tags():
                # The id of a tag implies the account. A condition on it would keep SQLite from the covering index.
                look_up = LookUp.ALWAYS if condition.operator is IS_EMPTY else LookUp.ABSENT
                return ValueRows("taggings", "contact_id", "tag_id", look_up=look_up)
            case Groups():
                members = Sql('"group_members"."set_id" = "groups"."members_id"')
                return ValueRows("group_members", "record_id", "id", members, through="groups")
            case _:
                assert_never(condition.source)

    def _in_account(self, table: str) -> Sql:
        return Sql(qualified_name(table, "account_id"), " = ", Parameter(self._account_id))
