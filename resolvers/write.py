"""`write`: every change of records, taggings and definitions goes through it, and memberships are up to date when it commits.

The order is always the same: begin and take the account's fence, change, settle, commit, wake subscribers.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from asyncpg.exceptions import DeadlockDetectedError, SerializationError
from tortoise.exceptions import IntegrityError

from models import ChangeCause
from models.errors import Conflict
from resolvers.membership.candidates.account_definitions import OutdatedDefinitions
from resolvers.membership.change import Change
from resolvers.membership.fence import exclusive_fence, shared_fence
from resolvers.membership.settle import settle
from resolvers.operation.context import Context

T = TypeVar("T")
Work = Callable[[Change], Awaitable[T]]
Settled = tuple[T, list[int]]  # what the work returned, and the ids of the groups whose logs have grown

ATTEMPTS = 4  # the first and three more
LONGEST_PAUSE = 0.05  # seconds before another attempt
LOST_RACES = (DeadlockDetectedError, SerializationError, IntegrityError)

NEXT_VERSION = "UPDATE accounts SET definitions_version = definitions_version + 1 WHERE id = :account RETURNING definitions_version"
# `account_id + 0` keeps SQLite from going through all groups of the account.
SET_VERSION = """
    UPDATE groups SET definition_version = :version WHERE account_id + 0 = :account AND (id = ANY(:ids) OR replaces_id = ANY(:ids))
"""


async def write(context: Context, cause: ChangeCause, work: Work[T], *, redefines: bool = False) -> T:
    """Run `work` in a transaction, settle memberships, commit, then wake the subscribers of the groups that changed.

    `work` makes the changes and reports them to the `Change`. It may run more than once: a write that loses a race
    (deadlock, serialisation failure, unique value taken meanwhile) is run again up to three times, then `Conflict` is raised.
    Work that changes definitions needs `redefines`, and then runs while nothing else writes in the account.
    After a rollback nobody is woken.
    """
    attempt = _redefine if redefines else _change_records
    try:
        result, grown = await retry_lost_races(lambda: attempt(context, cause, work))
    finally:
        context.forget()
    context.services.hub.wake(grown)
    return result


@asynccontextmanager
async def dry_run(context: Context, cause: ChangeCause, work: Work[T]) -> AsyncIterator[Settled[T]]:
    """Run `work` and settle as `write` does, let the caller read the outcome inside, and roll everything back.

    A lost race is raised as it is: see `retry_lost_races`.
    """
    with suppress(_RolledBack):
        async with shared_fence(context.services.database, context.caller.account_id):
            yield await _change_and_settle(context, cause, work)
            raise _RolledBack


class _RolledBack(Exception):
    """Ends the transaction of a dry run."""


# Not tenacity: its bookkeeping takes 0.1 ms even where the first attempt succeeds, which is one part in twenty of a small write.
async def retry_lost_races(attempt: Callable[[], Awaitable[T]]) -> T:
    """Run the attempt again, after a random pause, when it has lost a race. Raises `Conflict` after the fourth one."""
    number = 1
    while True:
        try:
            return await attempt()
        except LOST_RACES as error:
            if number == ATTEMPTS:
                raise Conflict("Somebody else changed the same data at the same time. Nothing was changed; try again.") from error
        number += 1
        await asyncio.sleep(random.uniform(0, LONGEST_PAUSE))  # noqa: S311  # so that the same writers do not collide again


async def _change_records(context: Context, cause: ChangeCause, work: Work[T]) -> Settled[T]:
    async with shared_fence(context.services.database, context.caller.account_id):
        return await _change_and_settle(context, cause, work)


async def _change_and_settle(context: Context, cause: ChangeCause, work: Work[T]) -> Settled[T]:
    services, change = context.services, _new_change(context, cause)
    result = await work(change)
    with services.database.observe("settle"):
        try:
            return result, await settle(change, services.definitions.known(change.account_id))
        except OutdatedDefinitions:
            return result, await settle(change, await services.definitions.current(services.database, change.account_id))


async def _redefine(context: Context, cause: ChangeCause, work: Work[T]) -> Settled[T]:
    services, account_id = context.services, context.caller.account_id
    async with exclusive_fence(services.database, account_id):
        # Brings the cache up to date before anything changes: what it compiled later would stay there after a rollback.
        await services.definitions.current(services.database, account_id)
        change = _new_change(context, cause)
        result = await work(change)
        version = (await services.database.row(NEXT_VERSION, account=account_id))["definitions_version"]
        await services.database.rows(SET_VERSION, account=account_id, version=version, ids=sorted(change.recompiled_groups))
        definitions = await services.definitions.uncommitted(services.database, account_id)
        with services.database.observe("settle"):
            grown = await settle(change, definitions)
    services.definitions.keep(account_id, definitions)
    return result, grown


def _new_change(context: Context, cause: ChangeCause) -> Change:
    services, caller = context.services, context.caller
    return Change(services.database, caller.account_id, caller.user_id or None, cause, services.wall_clock())
