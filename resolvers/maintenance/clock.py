"""One step of the logical clock, and the joins and leaves that follow from it."""

from itertools import islice

from models import ChangeCause
from resolvers.membership.candidates.account_definitions import AccountDefinitions
from resolvers.membership.change import Change
from resolvers.membership.clock import advance, mark_settled, read_span
from resolvers.membership.crossings import find_crossings
from resolvers.membership.fence import wait_for_writers
from resolvers.operation.context import Context, Services, system_context
from resolvers.write import write

CHUNK = 500  # contacts that are evaluated in one transaction


async def step(services: Services) -> None:
    """Move the logical clock to the wall clock, and bring memberships up to date. One long step has the effect of many short ones.

    A crash in between loses nothing. The next step first completes the interrupted one at its own time, because later writes
    were evaluated at that time.
    """
    await _settle(services, await read_span(services.database))
    await _settle(services, await advance(services.database, services.wall_clock()))


async def _settle(services: Services, span: tuple[int, int]) -> None:
    if span[0] < span[1]:
        # Writers that read the clock before it moved must have committed, or the scan would miss their records.
        await wait_for_writers(services.database)
        for account_id, definitions in (await services.definitions.temporal(services.database)).items():
            await _pass_over(services, account_id, definitions, span)
        await mark_settled(services.database, span[1])


async def _pass_over(services: Services, account_id: int, definitions: AccountDefinitions, span: tuple[int, int]) -> None:
    found = await find_crossings(services.database, account_id, definitions, span)
    context = system_context(services, account_id)
    while chunk := dict(islice(found, CHUNK)):
        await _evaluate_again(context, chunk)


async def _evaluate_again(context: Context, candidates: dict[int, set[int]]) -> None:
    """Evaluate contacts, each for its candidate groups, in one write."""

    async def work(change: Change) -> None:
        for contact_id in await change.lock_contacts(candidates):
            change.add_candidates(contact_id, candidates[contact_id])

    await write(context, ChangeCause.TIME_PASSED, work)
