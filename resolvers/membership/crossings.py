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

# All ranges of a condition are looked up by one statement, because an anniversary has one for each year of the calendar.
SCAN = """
    SELECT {contact} AS id FROM ROWS(:spans AS span(low bigint, high bigint)) CROSS JOIN {rows} AND {column} >= low AND {column} < high
    ORDER BY id
"""
EXTENT = "SELECT min({column}) AS least, max({column}) AS greatest FROM {rows}"
RECORDS = "{table} WHERE account_id = :account"
CUSTOM_VALUES = "custom_values WHERE field_id = :key"
TAGGINGS = "taggings WHERE tag_id = :key"

FEW = 8  # ranges that are looked up without asking first between which values there is anything


class ValueColumn(NamedTuple):
    """Where the values of a source stand: the column of the contact's id, the rows, their key, and the column of the values."""

    contact: str
    rows: str
    column: str
    key: int = 0


async def find_crossings(
    database: Database, account_id: int, definitions: AccountDefinitions, span: tuple[int, int]
) -> Iterator[tuple[int, set[int]]]:
    """The contacts for which time passed over a boundary of a condition, ascending, each with the groups to judge anew.

    One statement for each distinct temporal condition with boundaries in the span, a range scan of an index for each of them.
    At midnight that may be most of an account: until they are asked for, contacts are eight bytes each.
    """
    before, after = (Now(instant, definitions.zone) for instant in span)
    found: list[Iterator[tuple[int, frozenset[int]]]] = []
    for leaf, users in definitions.temporal.items():
        # A membership in the making may be in force under its group's own number by the time it is judged.
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
    # As a list: to make rows of so many would keep all others waiting. It is in order already, which costs next to nothing to make sure of.
    return array("q", sorted(await numbers(database, SCAN.format(**values._asdict()), account=account_id, key=values.key, spans=spans)))


def _within(ranges: Ranges, least: int | None, greatest: int | None) -> Ranges:
    """The ranges in which there can be a value."""
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
            raise AssertionError("tags and groups have no value that time could pass over")
        case _:
            assert_never(source)
