"""Verify and repair an account's memberships, for operators, after its tables were changed outside of Muster."""

from models import ChangeCause
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.rebuild import recount
from resolvers.membership.rebuilding.verify import Discrepancy, find_discrepancies, verify
from resolvers.operation.context import Services, system_context
from resolvers.write import write


async def audit(services: Services, account_id: int) -> list[Discrepancy]:
    """Return every difference between stored members, log and criteria. There are none unless something is broken."""
    return await verify(services.database, services.definitions, account_id)


async def repair(services: Services, account_id: int) -> list[Discrepancy]:
    """Repair what `audit` finds by logged joins and leaves, and return what is left, which should be nothing.

    A group whose log contradicts its members begins a new epoch, so that its watchers read it anew.
    """
    if await audit(services, account_id):
        await _repair(services, account_id)
    return await audit(services, account_id)


async def _repair(services: Services, account_id: int) -> None:
    async def work(change: Change) -> None:
        found = await find_discrepancies(change.database, services.definitions, account_id)
        for group_id in sorted({difference.group_id for difference in found if difference.in_log}):
            await recount(change, group_id)
        change.invalidate(*sorted({difference.group_id for difference in found}))

    await write(system_context(services, account_id), ChangeCause.GROUP_EDITED, work, redefines=True)
