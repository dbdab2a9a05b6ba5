"""The logical time, at which a write judges."""

from models.engine.database import Database
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.index import AccountDefinitions

CLOCK = "SELECT now FROM clock"


async def read_clock(database: Database, definitions: AccountDefinitions) -> Now:
    """The logical time; to be asked for after the locks that it must not be older than."""
    return definitions.at((await database.row(CLOCK))["now"])
