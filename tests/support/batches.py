"""Settling a change as a batch or record by record, and transactions that are only tried."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from models.engine.database import Database
from resolvers.membership.batch.batch_evaluation import BatchEvaluation, batch_candidates
from resolvers.membership.candidates.account_definitions import AccountDefinitions
from resolvers.membership.change import Change, Flips
from resolvers.membership.clock import read_clock
from resolvers.membership.settle import settle

Judge = Callable[[Change, AccountDefinitions], Awaitable[object]]
Members = set[tuple[int, int]]


class Undone(Exception):
    """Ends a transaction that was only tried."""


@asynccontextmanager
async def tried(database: Database) -> AsyncIterator[None]:
    try:
        async with database.transaction():
            yield
            raise Undone
    except Undone:
        pass


async def together(change: Change, definitions: AccountDefinitions) -> Flips:
    flips = Flips()
    for batch in change.batches:
        evaluation = BatchEvaluation(change, definitions, batch, await read_clock(change.database, definitions))
        flips = flips.with_those_of(await evaluation.evaluate(batch_candidates(batch, definitions)))
    return flips


async def one_by_one(change: Change, definitions: AccountDefinitions) -> None:
    for batch in change.batches:
        for contact_id in batch.contact_ids:
            change.touch(contact_id, *batch.mentions)
    change.batches.clear()
    await settle(change, definitions)
