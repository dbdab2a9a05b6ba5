"""Records for which criteria hold: all of them as a query set, or the first few by id in the way that is shortest."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tortoise.expressions import Q, ResolveContext, Subquery
from tortoise.models import Model
from tortoise.query_utils import QueryModifier
from tortoise.queryset import QuerySet
from typing_extensions import override

from models.database import Database
from resolvers.criteria.lists import Way, choice, ways
from resolvers.criteria.query import criteria_query
from resolvers.criteria.sql import Parameter, Sql
from resolvers.criteria.time import Now
from resolvers.criteria.tree import Tree

M = TypeVar("M", bound=Model)


class Criterion(NamedTuple):
    """Criteria at one moment, and the database to ask."""

    database: Database
    tree: Tree
    now: Now


class _Near(Q):
    """The records whose id is less than so many above the least id of some records, or below the greatest one."""

    __slots__ = ("distance", "end", "rising")

    def __init__(self, records: QuerySet[M], distance: int, *, rising: bool) -> None:
        super().__init__()
        self.end = Subquery(records.order_by("id" if rising else "-id").limit(1).values("id"))
        self.distance = distance
        self.rising = rising

    @override
    def __bool__(self) -> bool:
        return True  # or the ORM would drop it as empty

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        less, plus = ("<", "+") if self.rising else (">", "-")
        record = f'"{resolve_context.table.get_table_name()}"."id"'
        return QueryModifier(Sql(f"{record} {less} (", self.end, f") {plus} ", Parameter(self.distance)))


class _Meeting(Q):
    """The records for which a condition of our own holds."""

    __slots__ = ("condition",)

    def __init__(self, condition: Sql) -> None:
        super().__init__()
        self.condition = condition

    @override
    def __bool__(self) -> bool:
        return True  # as above

    @override
    def resolve(self, resolve_context: ResolveContext) -> QueryModifier:
        return QueryModifier(self.condition)


@dataclass(frozen=True, slots=True)
class Selection(Generic[M]):
    """Those of some records for which criteria hold, or all of these records."""

    records: QuerySet[M]
    criterion: Criterion | None = None

    @property
    def all(self) -> QuerySet[M]:
        """All of them."""
        return self.found(Way())

    def found(self, way: Way, *, rising: bool = True) -> QuerySet[M]:
        """Those that one goes through this way."""
        if self.criterion is None:
            return self.records
        found = self.records.filter(criteria_query(self.criterion.tree, self.criterion.now, way.long))
        if way.start is not None:
            found = found.filter(_Meeting(way.start))
        return found if way.ids is None else found.filter(_Near(self.records, way.ids, rising=rising))

    async def first(self, count: int, *columns: str) -> list[M]:
        """The first so many in the order of these columns."""
        if self.criterion is None or columns not in {("id",), ("-id",)}:
            return await self.all.order_by(*columns).limit(count)
        rows: list[M] = []
        async with aclosing(ways(self.criterion.database, choice(*self.criterion))) as each_way:
            async for way in each_way:
                rows = await self.found(way, rising=columns == ("id",)).order_by(*columns).limit(count)
                if len(rows) == count:
                    break
        return rows
