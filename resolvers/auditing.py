"""Auditing and repairing an account: for operators, after something outside Muster has touched its tables."""

from models import ChangeCause
from resolvers.clock import system_context
from resolvers.context import Context, Services
from resolvers.membership.change import Change
from resolvers.membership.rebuild import recount
from resolvers.membership.verify import Difference, verify
from resolvers.write import write


async def audit(services: Services, account_id: int) -> list[Difference]:
    """Every difference between stored membership, log and criteria; none, unless something is broken."""
    return await verify(services.database, services.definitions, account_id)


async def repair(services: Services, account_id: int) -> list[Difference]:
    """Heal what `audit` finds, with proper joins and leaves; returns what is left, which should be nothing.

    A group whose log contradicts its members begins a new epoch, so that its watchers read it anew.
    """
    found = await audit(services, account_id)
    context = system_context(services, account_id)
    if found:
        await write(context, ChangeCause.GROUP_EDITED, _Repair(context, found), redefines=True)
    return await audit(services, account_id)


class _Repair:
    """The work of one repair."""

    def __init__(self, context: Context, found: list[Difference]) -> None:
        self._context = context
        self._broken_logs = sorted({difference.group_id for difference in found if difference.in_log})
        self._groups = sorted({difference.group_id for difference in found})

    async def __call__(self, change: Change) -> None:
        for group_id in self._broken_logs:
            await recount(change, group_id)
        change.redefine(*self._groups)
