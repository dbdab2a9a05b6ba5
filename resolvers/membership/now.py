"""The logical time, at which a write judges."""

from models.database import Database
from resolvers.criteria.time import Now
from resolvers.membership.index import AccountDefinitions

CLOCK = "SELECT now FROM clock"


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time; to be asked for after the locks that it must not be older than."""
    return definitions.at((await database.row(CLOCK))["now"])
