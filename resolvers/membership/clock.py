"""The logical clock: one row of the database that holds the time at which criteria are evaluated."""

from datetime import datetime

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions

# Of processes that start together each may see that there is none.
START = "INSERT INTO clock (id, now, settled) VALUES (1, CAST(:at AS bigint), CAST(:at AS bigint)) ON CONFLICT (id) DO NOTHING"
ADVANCE = "UPDATE clock SET now = :at WHERE now < :at AND settled = now"
SETTLED = "UPDATE clock SET settled = :at WHERE settled < :at"
NOW = "SELECT now FROM clock"
READ = "SELECT now, settled FROM clock"


async def start(database: Database, at: datetime) -> None:
    """Give a new database its clock; an existing one keeps its time until it is advanced."""
    await database.rows(START, at=to_microseconds(at))


async def advance(database: Database, at: datetime) -> tuple[int, int]:
    """Move the clock to `at`, never back, and only once all is settled up to where it stands; returns the span to settle then."""
    await database.rows(ADVANCE, at=to_microseconds(at))
    return await read_span(database)


async def read_span(database: Database) -> tuple[int, int]:
    """Up to when membership is settled, and the present logical time: the same unless a step is being made or was broken off."""
    row = await database.row(READ)
    return row["settled"], row["now"]


async def mark_settled(database: Database, at: int) -> None:
    """Remember that every membership is right as of this logical time."""
    await database.rows(SETTLED, at=at)


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time; to be asked for after the locks that it must not be older than."""
    return definitions.at((await database.row(NOW))["now"])
