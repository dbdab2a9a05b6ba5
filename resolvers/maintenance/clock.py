"""Steps of the logical clock, and the joins and leaves that follow from them."""

from datetime import datetime
from itertools import islice

from models import ChangeCause
from resolvers.maintenance.clock_watch import ClockWatch
from resolvers.membership.candidates.account_definitions import AccountDefinitions
from resolvers.membership.change import Change
from resolvers.membership.clock import advance, mark_settled, read_span, read_stored, turn_back
from resolvers.membership.crossings import find_crossings
from resolvers.membership.fence import wait_for_writers
from resolvers.operation.context import Context, Services, system_context
from resolvers.write import write

CHUNK = 500  # contacts that are evaluated in one transaction


async def keep_time(services: Services, watch: ClockWatch, *, leads: bool) -> None:
    """Compare the clocks, and step if this process leads and its clock is confirmed."""
    seen = watch.look(await read_stored(services.database))
    if leads and watch.problem is None:
        await step(services, seen.at, passed=seen.passed)


async def step(services: Services, at: datetime | None = None, *, passed: int = 0) -> None:
    """Move the logical clock to the wall clock, and bring memberships up to date. One long step has the effect of many short ones.

    A crash in between loses nothing. The next step first completes the interrupted one at its own time, because later writes
    were evaluated at that time.
    """
    await _settle(services, await read_span(services.database))
    await _settle(services, await advance(services.database, at or services.wall_clock(), passed=passed))


async def go_back(services: Services, at: datetime) -> None:
    """Move the logical clock back to an earlier time, and bring memberships to what they are at that time."""
    await _settle(services, await read_span(services.database))
    await _settle(services, await turn_back(services.database, at))


async def _settle(services: Services, span: tuple[int, int]) -> None:
    settled, now = span
    if settled != now:
        # Writers that read the clock before it moved must have committed, or the scan would miss their records.
        await wait_for_writers(services.database)
        for account_id, definitions in (await services.definitions.temporal(services.database)).items():
            # What changes between two times is the same in both directions.
            await _pass_over(services, account_id, definitions, (min(span), max(span)))
        await mark_settled(services.database, now)


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
