"""Criteria as a query: a condition for the ORM that selects exactly the records for which the tree is true.

SQL has three truth values and criteria have two, so negation never meets a missing value: it is pushed down to the
leaves, where it becomes `IS NOT TRUE`, or `NOT IN` over a subquery whose column is never null.
"""

from typing import NamedTuple, assert_never

from tortoise.expressions import Q, ResolveContext
from tortoise.query_utils import QueryModifier
from typing_extensions import override

from models import RecordType
from resolvers.criteria.checks import InSql, OneOf, Present
from resolvers.criteria.fields import TABLES
from resolvers.criteria.operators import IS_EMPTY, Quantifier
from resolvers.criteria.sql import ForEachGiven, Parameter, Sql, joined
from resolvers.criteria.time import Now
from resolvers.criteria.tree import AllOf, AnyOf, Column, Condition, Custom, Groups, Node, Not, OfContact, Related, TaggedAt, Tags, Tree


class CriteriaQuery(Q):
    """A tree as a condition of the ORM; `~` on it is the exact complement."""

    __slots__ = ("_now", "_tree")

    def __init__(self, tree: Tree, now: Now) -> None:
        super().__init__()
        self._tree = tree
        self._now = now

    def __bool__(self) -> bool:
        return True  # or the ORM would drop it as empty

    @override
    def __invert__(self) -> "CriteriaQuery":
        inverse = CriteriaQuery(self._tree, self._now)
        inverse._is_negated = not self._is_negated
        return inverse

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        compiler = _Compiler(self._tree.account_id, self._now)
        return QueryModifier(compiler.node(self._tree.root, resolve_context.table.get_table_name(), negated=self._is_negated))


def criteria_query(tree: Tree, now: Now) -> Q:
    """The condition to filter the tree's kind of records by; the account is the caller's to restrict."""
    return CriteriaQuery(tree, now)


class _Values(NamedTuple):
    """Where the values of a source stand: the rows in scope have a record's id under `key` and a value in `column`."""

    table: str
    key: str
    column: str
    scope: Sql | None

    @property
    def qualified(self) -> str:
        return _name(self.table, self.column)

    def holders(self, found: InSql, having: Sql | None = None) -> Sql:
        """The ids of the records with a value for which this is true."""
        key = _name(self.table, self.key)
        scope = (self.scope, " AND ") if self.scope else ()
        grouped = (f" GROUP BY {key} HAVING ", having) if having else ()
        rows = Sql(f'"{self.table}" WHERE ', *scope, found.where, *grouped)
        return Sql(ForEachGiven(found.given, key, rows)) if found.given else Sql(f"SELECT {key} FROM ", rows)  # noqa: S608  # our names


class _Compiler:
    """Compiles nodes for one account and moment; `table` is the name under which the query knows the record's table."""

    def __init__(self, account_id: int, now: Now) -> None:
        self._account_id = account_id
        self._now = now

    def node(self, node: Node, table: str, *, negated: bool) -> Sql:
        match node:
            case AllOf():
                return self._joined(node.children, table, negated=negated, word=" OR " if negated else " AND ")
            case AnyOf():
                return self._joined(node.children, table, negated=negated, word=" AND " if negated else " OR ")
            case Not():
                return self.node(node.child, table, negated=not negated)
            case OfContact():
                return _is_in(_name(table, "contact_id"), self._contacts(node.child), negated=negated)
            case Related():
                return _is_in(_name(table, "id"), self._contacts_with(node), negated=negated != node.negated)
            case Condition():
                return self._condition(node, table, negated=negated != node.negated)
            case _:
                assert_never(node)

    def _joined(self, nodes: tuple[Node, ...], table: str, *, negated: bool, word: str) -> Sql:
        return joined(word, [self.node(node, table, negated=negated) for node in nodes])

    def _contacts(self, child: Node) -> Sql:
        table = TABLES[RecordType.CONTACT]
        return _Values(table, "id", "", self._in_account(table)).holders(InSql(self.node(child, table, negated=False)))

    def _contacts_with(self, node: Related) -> Sql:
        table = TABLES[RecordType.APPOINTMENT]
        where = self.node(node.where, table, negated=False) if node.where else Sql("TRUE")
        having = Sql("COUNT(*) >= ", Parameter(node.least)) if node.least > 1 else None
        return _Values(table, "contact_id", "", self._in_account(table)).holders(InSql(where), having)

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
            found = _each(record, values, check=check, exactly=condition.operator.quantifier is Quantifier.EXACTLY)
            return found.negate() if negated else found
        return _is_in(record, values.holders(check.in_sql(values.qualified)), negated=negated)

    def _values(self, condition: Condition) -> _Values:
        match condition.source:
            case Column(record_type, field):
                table = TABLES[record_type]
                return _Values(table, "id", field.column, self._in_account(table))
            case Custom(field_id, column):
                return _Values("custom_values", "contact_id", column, Sql('"field_id" = ', Parameter(field_id)))
            case TaggedAt(tag_id):
                return _Values("taggings", "contact_id", "tagged_at", Sql('"tag_id" = ', Parameter(tag_id)))
            case Tags():
                # Ids of tags and groups belong to one account; a second condition would cost the covering index.
                any_tag = condition.operator is IS_EMPTY
                return _Values("taggings", "contact_id", "tag_id", self._in_account("taggings") if any_tag else None)
            case Groups():
                return _Values("group_members", "record_id", "group_id", None)
            case _:
                assert_never(condition.source)

    def _in_account(self, table: str) -> Sql:
        return Sql(_name(table, "account_id"), " = ", Parameter(self._account_id))


def _each(record: str, values: _Values, *, check: OneOf, exactly: bool) -> Sql:
    column = values.qualified
    wanted = check.in_sql(column)
    count = Sql(f"COUNT(DISTINCT {column}) = ", Parameter(len(check.values)))
    found = _is_in(record, values.holders(wanted, count), negated=False)
    if not exactly:
        return found
    other = InSql(Sql(f"{column} IS NOT NULL AND ", wanted.where.negate()))
    return joined(" AND ", [found, _is_in(record, values.holders(other), negated=True)])


def _is_in(column: str, selected: Sql, *, negated: bool) -> Sql:
    return Sql(column, " NOT IN (" if negated else " IN (", selected, ")")


def _name(table: str, column: str) -> str:
    return f'"{table}"."{column}"'
