"""The command `muster restored`."""

from app.commands.runner import run
from app.commands.terminal import note
from models import Account
from resolvers.maintenance.restoring import begin_new_epochs
from resolvers.operation.context import Services


def restored() -> None:
    """Prepare a database that was restored from a backup.

    Every group starts a new epoch: clients that have seen changes which the backup lacks are told to read the members again.
    Every account gets a new mark: ids in files that were exported before are ignored, because they may be assigned again.
    Run it before the servers start, and also on a copy of a database.
    """
    note(f"{run(begin_epochs)} groups started a new epoch.")


async def begin_epochs(services: Services) -> int:
    """Invalidate all cursors and exported ids of every account, and return the number of groups."""
    return sum([await begin_new_epochs(services, account.id) for account in await Account.all().order_by("id")])
