"""How SQLite finds the first few records: for which conditions it makes a list, and for which it looks at each record.

A list costs its length. Looking at records costs all those that are passed before enough are found. SQLite has no
statistics and cannot choose. The lists are therefore counted up to a limit, and if one is longer, as many records are looked
at. If that is not enough, both limits are raised, so that the work is a small multiple of the work of the shorter way.

Records that meet a condition on one of their columns are such a list too. SQLite would not begin with it by itself.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

from models.engine.database import Database
from models.orm.sql import Parameter, Sql, only_row
from resolvers.criteria.language.operators import Quantifier
from resolvers.criteria.language.tree import AllOf, Condition, Node, OfContact, Related, Tree, walk
from resolvers.criteria.querying.column_lists import ColumnList, column_list
from resolvers.criteria.querying.query import NONE, Lists, criteria_lists
from resolvers.criteria.semantics.time import Now

RAISES = (1, 10, 100)  # times as many as at first
AT_ONCE = 500  # lists that one statement counts; SQLite returns at most 2,000 columns
SMALL_FILE = 2**26  # bytes: SQLite reads a smaller file as a whole in some hundredths of a second


class Short(NamedTuple):
    """The most entries of a short list at first. If no list is short, as many ids are looked at.

    Lists of columns have a smaller limit, because SQLite might find a page without them, and counting must cost less.
    """

    entries: int = 8_000
    column_entries: int = 1_000


AT_FIRST = Short()


class Way(NamedTuple):
    """One way to find records: lists that are too `long`, the most `ids` to look at, and a condition to `start` with."""

    long: Lists = NONE
    ids: int | None = None
    start: Sql | None = None


class Choice(NamedTuple):
    """The lists to count, by their numbers.

    Every record must be on the `required` ones. `starts` are those of them that SQLite only uses if it is given their condition.
    """

    lists: Sequence[Sql] = ()
    required: Lists = NONE
    starts: Mapping[int, Sql] = MappingProxyType({})

    def start(self, long: Lists) -> Sql | None:
        """The condition to begin with, unless SQLite uses another short list by itself."""
        short = self.required - long
        return self.starts[min(short)] if short and short <= self.starts.keys() else None


def choice(database: Database, tree: Tree, now: Now) -> Choice:
    """The lists of a query. None for PostgreSQL, which keeps statistics and chooses by itself."""
    if database.engine == "postgresql":
        return Choice()
    lists: list[Sql] = []
    required: set[int] = set()
    for node in _joined_by_and(tree.root):
        first = len(lists)
        lists += criteria_lists(replace(tree, root=node), now)
        if _requires_all_its_lists(node):
            required.update(range(first, len(lists)))
    return _with_columns(Choice(lists, frozenset(required)), _columns(tree, now))


def _columns(tree: Tree, now: Now) -> list[ColumnList]:
    found = [column_list(tree, node, now) for node in _joined_by_and(tree.root) if isinstance(node, Condition)]
    return [each for each in found if each]


def _with_columns(choice: Choice, columns: Sequence[ColumnList]) -> Choice:
    if not choice.lists and all(column.by_id for column in columns):  # SQLite begins with these by itself
        return choice
    starts = {number: column.holds for number, column in enumerate(columns, start=len(choice.lists))}
    return Choice([*choice.lists, *(column.entries for column in columns)], choice.required | starts.keys(), starts)


def _requires_all_its_lists(node: Node) -> bool:
    match node:
        case Condition():
            return not node.negated and node.operator.quantifier is not Quantifier.EXACTLY
        case Related():
            return not node.negated and not any(isinstance(below, OfContact) for below in walk(node))
        case _:
            return False


def _joined_by_and(node: Node) -> Iterator[Node]:
    if isinstance(node, AllOf):
        for child in node.children:
            yield from _joined_by_and(child)
    else:
        yield node


async def ways(database: Database, choice: Choice, short: Short = AT_FIRST) -> AsyncGenerator[Way, None]:
    """The ways to try until enough records are found. The last one finds all records."""
    if not _is_worthwhile(database, choice):
        yield Way()
        return
    long = NONE
    for raised in RAISES:
        limits = Short(short.entries * raised, short.column_entries * raised)
        long = await _longer(database, choice, limits)
        if not long or not choice.required <= long:  # a short list that all records are on leads to all of them
            break
        yield Way(long, limits.entries)
    yield Way(long, start=choice.start(long))


def _is_worthwhile(database: Database, choice: Choice) -> bool:
    """Whether it saves time to count the lists."""
    if choice.lists and len(choice.starts) == len(choice.lists):
        return database.path is not None and database.path.stat().st_size >= SMALL_FILE
    return bool(choice.lists)


async def _longer(database: Database, choice: Choice, short: Short) -> Lists:
    """The numbers of the lists that are longer than their limit, each counted up to it."""
    counted = [_more(each, short.column_entries if number in choice.starts else short.entries) for number, each in enumerate(choice.lists)]
    found = [await _values(database, counted[start : start + AT_ONCE]) for start in range(0, len(counted), AT_ONCE)]
    return frozenset(number for number, more in enumerate(chain.from_iterable(found)) if more)


async def _values(database: Database, terms: Sequence[Sql]) -> Sequence[object]:
    columns = [part for number, term in enumerate(terms) for part in (", ", term, f" AS list{number}")]
    return list((await only_row(database, Sql("SELECT ", *columns[1:]))).values())


def _more(entry: Sql, entries: int) -> Sql:
    return Sql("(", entry, " LIMIT 1 OFFSET ", Parameter(entries), ")")
