"""Finding the contacts whose membership may change because the logical clock moved."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from itertools import groupby, repeat
from operator import itemgetter
from typing import NamedTuple, assert_never

from models.engine.database import Database
from models.orm.numbers import numbers
from resolvers.criteria.language.temporal import boundaries
from resolvers.criteria.language.tree import Column, Custom, Groups, Source, TaggedAt, Tags
from resolvers.criteria.semantics.ranges import Ranges
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions

# One statement looks up all ranges of a condition, because an anniversary has one for each year of the calendar.
# Custom values and taggings are found by a field or tag, which belongs to one account: so an index covers the statement.
SCAN = """
    SELECT {contact} AS id FROM ROWS(:spans AS span(low bigint, high bigint)) CROSS JOIN {rows} AND {column} >= low AND {column} < high
    ORDER BY id
"""
EXTENT = "SELECT min({column}) AS least, max({column}) AS greatest FROM {rows}"
RECORDS = "{table} WHERE account_id = :account"
CUSTOM_VALUES = "custom_values WHERE field_id = :key"
TAGGINGS = "taggings WHERE tag_id = :key"

FEW = 8  # for more ranges, the least and greatest value are read first, to leave out ranges without values


class ValueColumn(NamedTuple):
    """Where the values of a condition are stored: the column of the contact's id, the rows, the column, and the key of the rows."""

    contact: str
    rows: str
    column: str
    key: int = 0


async def find_crossings(
    database: Database, account_id: int, definitions: AccountDefinitions, span: tuple[int, int]
) -> Iterator[tuple[int, set[int]]]:
    """Yield the contacts for which a condition got another answer in the span, ascending, each with the groups to evaluate.

    There is one statement, a range scan of an index, for each distinct condition with boundaries in the span. At midnight that may
    find most of an account, so contacts are held as eight bytes each.
    """
    before, after = (Now(instant, definitions.zone) for instant in span)
    found: list[Iterator[tuple[int, frozenset[int]]]] = []
    for leaf, users in definitions.temporal.items():
        # By the time a build is evaluated, it may have replaced its group.
        group_ids = users | {replaced for group_id in users if (replaced := definitions.groups[group_id].replaces_id)}
        contact_ids = await _between(database, account_id, _value_column(leaf.source), boundaries(leaf, before, after))
        found.append(zip(contact_ids, repeat(group_ids)))
    return _by_contact(found)


def _by_contact(found: Iterable[Iterator[tuple[int, frozenset[int]]]]) -> Iterator[tuple[int, set[int]]]:
    for contact_id, same in groupby(merge(*found, key=itemgetter(0)), key=itemgetter(0)):
        yield contact_id, {group_id for _, group_ids in same for group_id in group_ids}


async def _between(database: Database, account_id: int, values: ValueColumn, ranges: Ranges) -> Sequence[int]:
    """The contacts with a value in one of these ranges, ascending."""
    if len(ranges) > FEW:
        extent = await database.row(EXTENT.format(**values._asdict()), account=account_id, key=values.key)
        ranges = _within(ranges, extent["least"], extent["greatest"])
    if not ranges:
        return []
    spans = [{"low": low, "high": high} for low, high in ranges]
    # As a list: making a row for each of so many would block the event loop. It is sorted already, so that sorting costs next to nothing.
    return array("q", sorted(await numbers(database, SCAN.format(**values._asdict()), account=account_id, key=values.key, spans=spans)))


def _within(ranges: Ranges, least: int | None, greatest: int | None) -> Ranges:
    """The ranges that can contain a value."""
    if least is None or greatest is None:
        return ()
    return tuple((low, high) for low, high in ranges if low <= greatest and least < high)


def _value_column(source: Source) -> ValueColumn:
    match source:
        case Column(record_type):
            return ValueColumn(record_type.contact_column, RECORDS.format(table=record_type.table), source.column)
        case Custom():
            return ValueColumn("contact_id", CUSTOM_VALUES, source.column, source.field_id)
        case TaggedAt():
            return ValueColumn("contact_id", TAGGINGS, "tagged_at", source.tag_id)
        case Tags() | Groups():
            raise AssertionError("tags and groups have no values that time changes")
        case _:
            assert_never(source)
