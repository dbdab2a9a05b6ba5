"""Records that match criteria: all of them as a query set, or the first few by the cheapest way to find them."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from tortoise.expressions import Q, Subquery
from tortoise.models import Model
from tortoise.queryset import QuerySet

from models.engine.database import Database
from models.orm.filters import Filter
from models.orm.sql import Parameter, Sql
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.querying.lists import Way, choice, ways
from resolvers.criteria.querying.query import criteria_query
from resolvers.criteria.semantics.time import Now

M = TypeVar("M", bound=Model)


class Criterion(NamedTuple):
    """Criteria at one moment, and the database to query."""

    database: Database
    tree: Tree
    now: Now


@dataclass(frozen=True, slots=True)
class Selection(Generic[M]):
    """Those of some records that match criteria, or all of these records."""

    records: QuerySet[M]
    criterion: Criterion | None = None

    @property
    def all(self) -> QuerySet[M]:
        """All selected records."""
        return self.found(Way())

    def found(self, way: Way, *, rising: bool = True) -> QuerySet[M]:
        """Return the selected records, limited to those that this way to search looks at."""
        if self.criterion is None:
            return self.records
        found = self.records.filter(criteria_query(self.criterion.tree, self.criterion.now, way.long))
        if way.start is not None:
            found = found.filter(_that_meet(way.start))
        return found if way.ids is None else found.filter(_near(self.records, way.ids, rising=rising))

    async def first(self, count: int, *columns: str) -> list[M]:
        """Return the first records in the order of these columns."""
        if self.criterion is None or columns not in {("id",), ("-id",)}:
            return await self.all.order_by(*columns).limit(count)
        rows: list[M] = []
        async with aclosing(ways(self.criterion.database, choice(*self.criterion))) as each_way:
            async for way in each_way:
                rows = await self.found(way, rising=columns == ("id",)).order_by(*columns).limit(count)
                if len(rows) == count:
                    break
        return rows


def _that_meet(condition: Sql) -> Q:
    return Filter(lambda _table: condition)


def _near(records: QuerySet[M], distance: int, *, rising: bool) -> Q:
    """Select records by their distance in ids from the least id of some records, or from the greatest one."""
    end = Subquery(records.order_by("id" if rising else "-id").limit(1).values("id"))
    less, plus = ("<", "+") if rising else (">", "-")
    return Filter(lambda table: Sql(f'"{table}"."id" {less} (', end, f") {plus} ", Parameter(distance)))
