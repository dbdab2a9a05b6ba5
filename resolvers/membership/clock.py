"""The logical clock: one row of the database that holds the time at which criteria are evaluated."""

from datetime import datetime

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions

# Several processes may start at the same time.
START = "INSERT INTO clock (id, now, settled) VALUES (1, CAST(:at AS bigint), CAST(:at AS bigint)) ON CONFLICT (id) DO NOTHING"
ADVANCE = "UPDATE clock SET now = :at WHERE now < :at AND settled = now"
SETTLED = "UPDATE clock SET settled = :at WHERE settled < :at"
NOW = "SELECT now FROM clock"
READ = "SELECT now, settled FROM clock"


async def start(database: Database, at: datetime) -> None:
    """Create the clock in a new database. An existing clock keeps its time until it is advanced."""
    await database.rows(START, at=to_microseconds(at))


async def advance(database: Database, at: datetime) -> tuple[int, int]:
    """Move the clock forward to `at`, if everything is settled up to its present time. Returns the span that has to be settled."""
    await database.rows(ADVANCE, at=to_microseconds(at))
    return await read_span(database)


async def read_span(database: Database) -> tuple[int, int]:
    """The time up to which memberships are settled, and the logical time. They differ during a step, and after an interrupted one."""
    row = await database.row(READ)
    return row["settled"], row["now"]


async def mark_settled(database: Database, at: int) -> None:
    """Store that every membership is right as of this logical time."""
    await database.rows(SETTLED, at=at)


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time in the account's time zone. Read it after taking locks, so that it is not older than they are."""
    return definitions.at((await database.row(NOW))["now"])
