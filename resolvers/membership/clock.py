"""The logical clock, and finding the records whose truth changes because it moved."""

from collections import defaultdict
from datetime import datetime
from typing import assert_never

from models import RecordType
from models.database import Database
from models.fields import to_microseconds
from resolvers.criteria.temporal import boundaries
from resolvers.criteria.time import Now
from resolvers.criteria.tree import Column, Custom, Groups, Source, TaggedAt, Tags
from resolvers.membership.index import AccountDefinitions

START = "INSERT INTO clock (id, now, settled) SELECT 1, CAST(:at AS bigint), CAST(:at AS bigint) WHERE NOT EXISTS (SELECT 1 FROM clock)"
ADVANCE = "UPDATE clock SET now = :at WHERE now < :at"
SETTLED = "UPDATE clock SET settled = :at WHERE settled < :at"
READ = "SELECT now, settled FROM clock"

CONTACTS = "SELECT id FROM contacts WHERE account_id = :account AND {column} >= :low AND {column} < :high"
APPOINTMENTS = "SELECT contact_id AS id FROM appointments WHERE account_id = :account AND {column} >= :low AND {column} < :high"
CUSTOM_VALUES = "SELECT contact_id AS id FROM custom_values WHERE field_id = :key AND {column} >= :low AND {column} < :high"
TAGGINGS = "SELECT contact_id AS id FROM taggings WHERE tag_id = :key AND tagged_at >= :low AND tagged_at < :high"


async def start(database: Database, at: datetime) -> None:
    """Give a new database its clock; an existing one keeps its time until it is advanced."""
    await database.rows(START, at=to_microseconds(at))


async def advance(database: Database, at: datetime) -> tuple[int, int]:
    """Move the clock to `at`, never back; returns up to when membership is settled, and the present logical time."""
    await database.rows(ADVANCE, at=to_microseconds(at))
    row = await database.row(READ)
    return row["settled"], row["now"]


async def mark_settled(database: Database, at: int) -> None:
    """Remember that every membership is right as of this logical time."""
    await database.rows(SETTLED, at=at)


async def affected(database: Database, account_id: int, definitions: AccountDefinitions, span: tuple[int, int]) -> dict[int, set[int]]:
    """The groups to judge anew, by contact, because time passed over a boundary of one of their conditions.

    One index range scan for each boundary of each distinct temporal condition.
    """
    before, after = (Now(instant, definitions.zone) for instant in span)
    found: defaultdict[int, set[int]] = defaultdict(set)
    for leaf, group_ids in definitions.temporal.items():
        statement, key = _scan(leaf.source)
        for low, high in boundaries(leaf, before, after):
            for row in await database.rows(statement, account=account_id, key=key, low=low, high=high):
                found[row["id"]] |= group_ids
    return found


def _scan(source: Source) -> tuple[str, int]:
    """The statement that finds contacts by a range of this source's values, and the field or tag it is about."""
    match source:
        case Column(record_type=RecordType.CONTACT):
            return CONTACTS.format(column=source.column), 0
        case Column():
            return APPOINTMENTS.format(column=source.column), 0
        case Custom():
            return CUSTOM_VALUES.format(column=source.column), source.field_id
        case TaggedAt():
            return TAGGINGS, source.tag_id
        case Tags() | Groups():
            raise AssertionError("tags and groups have no value that time could pass over")
        case _:
            assert_never(source)
