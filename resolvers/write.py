"""The door: every change of records, taggings and definitions goes through `write`, and membership is true when it returns.

Begin, fence, change, settle, commit, wake: in this order, everywhere. A rollback publishes nothing.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from asyncpg.exceptions import DeadlockDetectedError, SerializationError
from tortoise.exceptions import IntegrityError

from models import ChangeCause
from models.errors import Conflict
from resolvers.membership.candidates.index import AccountDefinitions
from resolvers.membership.change.change import Change
from resolvers.membership.fence import shared, taken
from resolvers.membership.settle import Outdated, settle
from resolvers.operation.context import Context, Services

T = TypeVar("T")
Work = Callable[[Change], Awaitable[T]]

ATTEMPTS = 4  # the first and three more
LONGEST_PAUSE = 0.05  # seconds before another attempt
RACES = (DeadlockDetectedError, SerializationError, IntegrityError)

BUMP = "UPDATE accounts SET definitions_version = definitions_version + 1 WHERE id = :account RETURNING definitions_version"
MARK = "UPDATE groups SET definition_version = :version WHERE id = ANY(:ids) OR replaces_id = ANY(:ids)"


async def write(context: Context, cause: ChangeCause, work: Work[T], *, redefines: bool = False) -> T:
    """Run `work` in a transaction, settle membership, commit, then tell the watchers.

    `work` makes the changes and tells the `Change` what it touched; it may run more than once, because a write that
    loses a race (deadlock, serialisation, a unique value taken meanwhile) is run again up to three times and then
    raises `Conflict`. `redefines` must be said by work that changes definitions: it then runs alone in its account.
    """
    try:
        result, grown = await winning(partial(_attempt, context, cause, work, redefines=redefines))
    finally:
        context.forget()
    context.services.hub.wake(grown)
    return result


async def winning(attempt: Callable[[], Awaitable[T]]) -> T:
    """What the attempt returns that loses no race; `Conflict` when several in a row have lost one."""
    number = 1
    while True:
        try:
            return await attempt()
        except RACES as error:
            if number == ATTEMPTS:
                raise Conflict("Somebody else changed the same data at the same time. Nothing was changed; try again.") from error
        number += 1
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311  # so that the same do not meet again


async def _attempt(context: Context, cause: ChangeCause, work: Work[T], *, redefines: bool) -> tuple[T, list[int]]:
    services, account_id = context.services, context.caller.account_id
    async with (taken if redefines else shared)(services.database, account_id):
        if redefines:  # from here on nothing is compiled to be kept, which would be kept even if this were rolled back
            await services.definitions.current(services.database, account_id)
        change = Change(services.database, account_id, context.caller.user_id or None, cause, services.wall_clock())
        result = await work(change)
        definitions = await _redefined(services, change) if redefines else services.definitions.known(account_id)
        with services.database.observe("settle"):
            try:
                grown = await settle(change, definitions)
            except Outdated:
                definitions = await services.definitions.current(services.database, account_id)
                grown = await settle(change, definitions)
    services.definitions.keep(account_id, definitions)
    return result, grown


async def _redefined(services: Services, change: Change) -> AccountDefinitions:
    version = (await change.database.row(BUMP, account=change.account_id))["definitions_version"]
    await change.database.rows(MARK, version=version, ids=sorted(change.recompiled_groups))
    return await services.definitions.uncommitted(change.database, change.account_id)
