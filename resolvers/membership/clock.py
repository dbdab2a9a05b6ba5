"""The logical clock, and finding the records whose truth changes because it moved."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from models.database import Database
from models.fields import to_microseconds
from resolvers.criteria.temporal import Source, boundaries
from resolvers.criteria.time import Now
from resolvers.membership.definitions import AccountDefinitions

START = "INSERT INTO clock (id, now, settled) SELECT 1, CAST(:at AS bigint), CAST(:at AS bigint) WHERE NOT EXISTS (SELECT 1 FROM clock)"
ADVANCE = "UPDATE clock SET now = :at WHERE now < :at"
SETTLED = "UPDATE clock SET settled = :at WHERE settled < :at"
READ = "SELECT now, settled FROM clock"

SCANS = {
    "contact": "SELECT id FROM contacts WHERE account_id = :account AND {column} >= :low AND {column} < :high",
    "appointment": "SELECT contact_id AS id FROM appointments WHERE account_id = :account AND {column} >= :low AND {column} < :high",
    "custom": "SELECT contact_id AS id FROM custom_values WHERE field_id = :key AND {column} >= :low AND {column} < :high",
    "tag": "SELECT contact_id AS id FROM taggings WHERE tag_id = :key AND {column} >= :low AND {column} < :high",
}
LOWEST, HIGHEST = -(2**63), 2**63 - 1


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
        for low, high in boundaries(leaf, before, after):
            for contact_id in await _scan(database, account_id, leaf.source, (low, high)):
                found[contact_id] |= group_ids
    return found


async def _scan(database: Database, account_id: int, source: Source, between: tuple[int | None, int | None]) -> Iterable[int]:
    low, high = between
    rows = await database.rows(
        SCANS[source.kind].format(column=source.column),
        account=account_id,
        key=source.key,
        low=LOWEST if low is None else low,
        high=HIGHEST if high is None else high,
    )
    return {row["id"] for row in rows}
