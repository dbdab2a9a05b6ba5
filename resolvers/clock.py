"""Letting time pass: one step of the logical clock, and the joins and leaves that come of it."""

from collections.abc import Iterator
from functools import partial

from models import ChangeCause, Role
from resolvers.context import Caller, Context, Services
from resolvers.membership.change import Change
from resolvers.membership.clock import advance, affected, mark_settled
from resolvers.membership.fence import take
from resolvers.membership.index import AccountDefinitions
from resolvers.scope import Scope
from resolvers.write import write

CHUNK = 500  # contacts judged in one transaction


def system_context(services: Services, account_id: int) -> Context:
    """A context for what Muster itself does in an account."""
    return Context(services, Caller(account_id, 0, Role.OWNER, 0), Scope(account_id, 0, Role.OWNER))


async def step(services: Services) -> None:
    """Move the logical clock to the wall clock, and settle what lies between; one step equals many.

    A crash in between loses nothing: the next step covers everything since the last that was completed.
    """
    span = await advance(services.database, services.wall_clock())
    if span[0] < span[1]:
        for account_id, definitions in (await services.definitions.temporal(services.database)).items():
            await _pass_over(services, account_id, definitions, span)
        await mark_settled(services.database, span[1])


async def _pass_over(services: Services, account_id: int, definitions: AccountDefinitions, span: tuple[int, int]) -> None:
    # Writers that read the clock before it moved must have committed, or the scan would miss what they wrote.
    async with services.database.transaction():
        await take(services.database, account_id)
    found = await affected(services.database, account_id, definitions, span)
    context = system_context(services, account_id)
    for chunk in _chunks(sorted(found)):
        await write(context, ChangeCause.TIME_PASSED, partial(_judge_again, suspects={each: found[each] for each in chunk}))


async def _judge_again(change: Change, suspects: dict[int, set[int]]) -> None:
    for contact_id in await change.lock_contacts(suspects):
        change.suspect(contact_id, suspects[contact_id])


def _chunks(contact_ids: list[int]) -> Iterator[list[int]]:
    for first in range(0, len(contact_ids), CHUNK):
        yield contact_ids[first : first + CHUNK]
