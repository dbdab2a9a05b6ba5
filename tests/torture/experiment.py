"""The experiment: rounds of writing, killing, starting again and looking whether everything is there and right."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from models import Account, Group, GroupState
from models.engine.database import Database, open_database
from models.engine.migrate import migrate
from models.fields import to_microseconds
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.rebuilding.verify import verify
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support.processes import DEADLINE
from tests.support.processes import verify as verify_accounts
from tests.torture.casts import Cast, Client
from tests.torture.fleet import PATIENCE, Fleet
from tests.torture.postgres import restart
from tests.torture.watchers import Watcher
from tests.torture.writers import SOON

LONGEST_ROUND = 2.0  # seconds until a server is killed
LONGEST_START = 1.5  # seconds until a server is killed that has just been started
CLOCK = "SELECT settled FROM clock"

PROGRESS = 25  # a level above the chatter of the client libraries

log = logging.getLogger("torture")


@dataclass(frozen=True)
class Plan:
    """How much there is to be killed."""

    kills: int
    servers: int
    seed: int
    restarts: bool = False  # of the database server, too


@dataclass
class Experiment:
    """Clients at work on servers that die."""

    fleet: Fleet
    plan: Plan
    chance: random.Random
    clients: Sequence[Client]
    watchers: Sequence[Watcher]
    kills: int = 0
    compared: int = 0

    async def run(self) -> None:
        """Kill as often as planned, and look after each time."""
        async with asyncio.TaskGroup() as tasks:
            watching = [tasks.create_task(watcher.run()) for watcher in self.watchers]
            while self.kills < self.plan.kills:
                await self._be_cruel()
                await self._look()
                self._report()
            for task in watching:
                task.cancel()

    async def _be_cruel(self) -> None:
        """Kill while everybody writes. Those who were lucky go on as soon as there is a server again."""
        stop = asyncio.Event()
        async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(client.run(stop)) for client in self.clients]
            await asyncio.wait(work, timeout=self.chance.uniform(0, LONGEST_ROUND))
            if self.plan.restarts and self.chance.random() < 0.1:
                await self._restart_database()
            await self.fleet.kill()
            self.kills += 1
            await self._kill_more()
            stop.set()
            await self.fleet.start()

    async def _kill_more(self) -> None:
        while self.kills < self.plan.kills and self.chance.random() < 0.2:
            await self.fleet.start_in_vain(self.chance.uniform(0.1, LONGEST_START))
            self.kills += 1

    async def _restart_database(self) -> None:
        self.fleet.shaken = True
        await restart(self.fleet.url)

    async def _look(self) -> None:
        async with open_database(self.fleet.url, table_sets=PRODUCT_WITH_DEALS.table_sets) as database:
            await self._until_quiet(database)
            self.fleet.shaken = False
            for client in self.clients:
                self.compared += await client.settle()
            for account in await Account.all():
                differences = await verify(database, DefinitionsCache(CriteriaLimits(), PRODUCT_WITH_DEALS.record_types), account.id)
                assert not differences, differences
        for watcher in self.watchers:
            self.compared += await watcher.settle()

    async def _until_quiet(self, database: Database) -> None:
        """Wait until every moment that anybody wrote of has passed, and every group is ready."""
        _, last = SOON
        past = to_microseconds(datetime.now(UTC) + timedelta(seconds=last))
        await asyncio.sleep(last)  # before that, looking would only keep the servers from their work
        async with asyncio.timeout(DEADLINE):
            while (await database.row(CLOCK))["settled"] < past or await Group.exclude(state=GroupState.READY).exists():  # noqa: ASYNC110
                await asyncio.sleep(0)

    def _report(self) -> None:
        ledgers = [client.ledger for client in self.clients]
        log.log(
            PROGRESS,
            "%d of %d kills, %d writes acknowledged, %d in doubt, %d reconnections, %d rows compared",
            self.kills,
            self.plan.kills,
            sum(ledger.acknowledged for ledger in ledgers),
            sum(ledger.doubts for ledger in ledgers),
            sum(watcher.reconnected for watcher in self.watchers),
            self.compared,
        )


@asynccontextmanager
async def prepared(url: str, token: str, plan: Plan, cast: Cast) -> AsyncIterator[Experiment]:
    """An experiment whose servers are up and whose clients are ready."""
    log.log(PROGRESS, "MUSTER_TORTURE_SEED=%d", plan.seed)
    async with open_database(url, table_sets=PRODUCT_WITH_DEALS.table_sets) as database:
        await migrate(database)
    chance = random.Random(plan.seed)
    fleet = Fleet(url, token, random.Random(chance.random()))
    async with fleet.manned(plan.servers):
        clients, watched = await cast(fleet, chance)
        yield Experiment(fleet, plan, chance, clients, [Watcher(fleet, group_id) for group_id in watched])
    await verify_accounts(url, PRODUCT_WITH_DEALS)
