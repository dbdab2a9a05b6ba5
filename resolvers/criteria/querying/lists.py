"""The first few records on SQLite: which conditions it is to answer with a list, and which with a look at each record.

A list costs its length; looking costs all the records that are passed before there are enough. SQLite knows nothing of
values and cannot choose, so the lists are counted up to a limit, and where one is longer, records are looked at up to the
same limit. If neither has led to an end, both limits are raised: the work is a small multiple of the shorter way's.

Records that meet a condition on a column of theirs are such a list, too, which SQLite would not begin with by itself.
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
SMALL_FILE = 2**26  # bytes: less than that SQLite reads as a whole before anybody notices


class Short(NamedTuple):
    """Up to how many entries a list is short at first; if none is, as many ids are gone through.

    Those of columns are counted where SQLite might have found a page without, and must not cost what the page does.
    """

    entries: int = 8_000
    column_entries: int = 1_000


AT_FIRST = Short()


class Way(NamedTuple):
    """Lists to replace by a look at each record, how many ids to go through at most, and a condition that leads to all records."""

    long: Lists = NONE
    ids: int | None = None
    start: Sql | None = None


class Choice(NamedTuple):
    """The lists to count, the numbers of those on which every record must be, and of those, the ones that one has to be told to use."""

    lists: Sequence[Sql] = ()
    required: Lists = NONE
    starts: Mapping[int, Sql] = MappingProxyType({})

    def start(self, long: Lists) -> Sql | None:
        """What to be told, unless another short list is used without."""
        short = self.required - long
        return self.starts[min(short)] if short and short <= self.starts.keys() else None


def choice(database: Database, tree: Tree, now: Now) -> Choice:
    """What there is to choose; PostgreSQL keeps statistics and chooses by itself."""
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
    if not choice.lists and all(column.by_id for column in columns):  # nothing that SQLite would do wrong
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
    """What to try until enough records are found; the last way finds all there are."""
    if not _is_worthwhile(database, choice):
        yield Way()
        return
    long = NONE
    for raised in RAISES:
        limits = Short(short.entries * raised, short.column_entries * raised)
        long = await _longer(database, choice, limits)
        if not long or not choice.required <= long:  # a short list that all are on leads to them all
            break
        yield Way(long, limits.entries)
    yield Way(long, start=choice.start(long))


def _is_worthwhile(database: Database, choice: Choice) -> bool:
    """Whether to count the lists, where there are any."""
    if choice.lists and len(choice.starts) == len(choice.lists):
        return database.path is not None and database.path.stat().st_size >= SMALL_FILE
    return bool(choice.lists)


async def _longer(database: Database, choice: Choice, short: Short) -> Lists:
    """The lists that are not short, as far as SQLite has to go to know."""
    counted = [_more(each, short.column_entries if number in choice.starts else short.entries) for number, each in enumerate(choice.lists)]
    found = [await _values(database, counted[start : start + AT_ONCE]) for start in range(0, len(counted), AT_ONCE)]
    return frozenset(number for number, more in enumerate(chain.from_iterable(found)) if more)


async def _values(database: Database, terms: Sequence[Sql]) -> Sequence[object]:
    columns = [part for number, term in enumerate(terms) for part in (", ", term, f" AS list{number}")]
    return list((await only_row(database, Sql("SELECT ", *columns[1:]))).values())


def _more(entry: Sql, entries: int) -> Sql:
    return Sql("(", entry, " LIMIT 1 OFFSET ", Parameter(entries), ")")
