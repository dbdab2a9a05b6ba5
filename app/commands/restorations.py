"""What has to be done after a database was restored."""

from models import Account
from resolvers.context import Services
from resolvers.restoring import begin_new_epochs


async def begin_anew(services: Services) -> int:
    """Begin a new epoch of every group of every account; returns how many groups there are."""
    return sum([await begin_new_epochs(services, account.id) for account in await Account.all().order_by("id")])
