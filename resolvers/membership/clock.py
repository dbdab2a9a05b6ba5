"""The logical clock: one row of the database that holds the time at which criteria are evaluated."""

from datetime import datetime
from typing import NamedTuple

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions

# Several processes may start at the same time.
START = """
    INSERT INTO clock (id, now, settled, confirmed) VALUES (1, CAST(:at AS bigint), CAST(:at AS bigint), CAST(:at AS bigint))
    ON CONFLICT (id) DO NOTHING
"""
ADVANCE = """
    UPDATE clock SET now = :at, confirmed = CASE WHEN confirmed + :passed < :at THEN confirmed + :passed ELSE :at END
    WHERE now < :at AND settled = now
"""
# Until it is settled, `settled` is the later of the two, so that the next step completes what a crash interrupts.
TURN_BACK = """
    UPDATE clock SET now = :at, confirmed = CASE WHEN confirmed < :at THEN confirmed ELSE :at END WHERE now > :at AND settled = now
"""
SETTLED = "UPDATE clock SET settled = now WHERE now = :at AND settled <> now"
NOW = "SELECT now FROM clock"
READ = "SELECT now, settled, confirmed FROM clock"
READ_WITH_TIME = """
    SELECT now, settled, confirmed, CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint) AS database_time FROM clock
"""


class ClockReading(NamedTuple):
    """The stored clock, in microseconds, and the time of the database's own clock if it has one."""

    now: int
    settled: int
    confirmed: int
    database_time: int | None = None


async def start(database: Database, at: datetime) -> None:
    """Create the clock in a new database. An existing clock keeps its time until it is advanced."""
    await database.rows(START, at=to_microseconds(at))


async def advance(database: Database, at: datetime, *, passed: int = 0) -> tuple[int, int]:
    """Move the clock forward to `at`, if everything is settled up to its present time. Returns the span that has to be settled.

    The time by which old rows are deleted moves by at most `passed` microseconds.
    """
    await database.rows(ADVANCE, at=to_microseconds(at), passed=passed)
    return await read_span(database)


async def turn_back(database: Database, at: datetime) -> tuple[int, int]:
    """Move the clock back to `at`, if it is later and everything is settled. Returns the span that has to be settled."""
    await database.rows(TURN_BACK, at=to_microseconds(at))
    return await read_span(database)


async def read_stored(database: Database) -> ClockReading:
    """Read the stored clock, and on PostgreSQL the server's own clock with it."""
    return ClockReading(**await database.row(READ_WITH_TIME if database.engine == "postgresql" else READ))


async def read_span(database: Database) -> tuple[int, int]:
    """The time at which memberships are settled, and the logical time. They differ during a step, and after an interrupted one."""
    row = await database.row(READ)
    return row["settled"], row["now"]


async def mark_settled(database: Database, at: int) -> None:
    """Store that every membership is right as of this logical time."""
    await database.rows(SETTLED, at=at)


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time in the account's time zone. Read it after taking locks, so that it is not older than they are."""
    return definitions.at((await database.row(NOW))["now"])
