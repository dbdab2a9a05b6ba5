"""How long writers wait while groups of a large account are created and edited, beside how long they take when nothing else goes on.

    python -m bench.builds [--contacts 1000000] [--engines postgresql]

One process does it all, so that a long computation would show as a wait, too.
"""

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

from app.composition import PRODUCT
from bench.dataset import ACCOUNT, OTHER_EVERY, batches
from bench.loading import load
from bench.servers import new_database, temporary_server
from bench.table import table
from models import Group, GroupState
from models.engine.database import open_database
from models.engine.statement import Engine
from models.ids import to_global_id
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.grouping.builds import build
from resolvers.grouping.groups import create_group, update_group
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import Context, Services, system_context
from resolvers.records.contacts import update_contact
from subscriptions.bus import LocalBus
from subscriptions.hub import Hub

ENGINES: tuple[Engine, ...] = ("postgresql", "sqlite")
WRITERS = 4
QUIET_SECONDS = 10.0
TARGET_MS = 200.0

GERMANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Germany"]}}}
CANADIANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}
EVERYBODY_ELSE: dict[str, Any] = {"contacts": {"country": {"notEquals": ["Canada"]}}}


def _definitions() -> DefinitionsCache:
    return DefinitionsCache(CriteriaLimits(), PRODUCT.record_types)


class Phase(NamedTuple):
    """What the writers met while something went on."""

    name: str
    seconds: float
    milliseconds: list[float]

    def row(self, floor: "Phase") -> list[str]:
        """A row of the table."""
        percentiles = quantiles(self.milliseconds, n=100)
        usual = median(self.milliseconds)
        cells = [f"{value:.1f} ms" for value in (usual, percentiles[98], max(self.milliseconds))]
        ratio = usual / median(floor.milliseconds)
        return [self.name, f"{self.seconds:.1f} s", str(len(self.milliseconds)), *cells, f"x {ratio:.2f}"]


async def write_until(done: asyncio.Event, context: Context, contacts: int) -> list[float]:
    """The time of each write: a random contact moves to another city."""
    found, chance = [], random.Random(len(asyncio.all_tasks()))
    for number in count():
        if done.is_set():
            break
        contact = to_global_id("Contact", chance.randrange(contacts // OTHER_EVERY) * OTHER_EVERY + 1)
        began = perf_counter()
        await update_contact(context, contact_id=contact, fields={"city": f"City {number}"})
        found.append((perf_counter() - began) * 1000)
    return found


async def during(name: str, context: Context, contacts: int, work: Callable[[], Awaitable[object]]) -> Phase:
    """Let writers write while the work is done."""
    done = asyncio.Event()
    callers = [Context(context.services, context.caller, context.scope) for _ in range(WRITERS)]
    writers = [asyncio.create_task(write_until(done, caller, contacts)) for caller in callers]
    began = perf_counter()
    await work()
    seconds = perf_counter() - began
    done.set()
    return Phase(name, seconds, [time for times in await asyncio.gather(*writers) for time in times])


async def phases(services: Services, contacts: int) -> list[Phase]:
    """Writers alone, and while a group is created and edited."""
    context = system_context(services, ACCOUNT)

    async def create() -> None:
        await create_group(context, name="Germans", criteria=GERMANS)
        await build(services)

    async def edit(criteria: dict[str, Any]) -> None:
        group = await Group.get(name="Germans")
        await update_group(context, group_id=to_global_id("Group", group.id), changes={"criteria": criteria})
        await build(services)
        assert (await Group.get(id=group.id)).state is GroupState.READY  # noqa: S101  # or there is nothing to report

    async def edit_much() -> None:
        await edit(EVERYBODY_ELSE)

    async def edit_less() -> None:
        await edit(CANADIANS)

    return [
        await during("nothing", context, contacts, lambda: asyncio.sleep(QUIET_SECONDS)),
        await during("a group is created", context, contacts, create),
        await during("it is edited, to nearly everybody", context, contacts, edit_much),
        await during("it is edited again", context, contacts, edit_less),
    ]


async def measure(engine: Engine, contacts: int) -> Sequence[Phase]:
    """All phases on a new database."""
    with temporary_server(engine) as server:
        async with new_database(server) as url:
            await load(url, batches(contacts))
            async with open_database(url) as database:
                await start(database, datetime.now(UTC))
                hub = Hub(database, LocalBus())
                async with hub.running():
                    return await phases(
                        Services(database, hub, _definitions(), lambda: datetime.now(UTC)),
                        contacts,
                    )


def main() -> None:
    """Measure, and print a table for each engine."""
    parser = argparse.ArgumentParser(prog="python -m bench.builds", description="Writers while groups are defined.")
    parser.add_argument("--contacts", type=int, default=100_000, help="contacts of the account")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=["postgresql"])
    arguments = parser.parse_args()
    for engine in arguments.engines:
        found = asyncio.run(measure(engine, arguments.contacts))
        heads = ["While", "took", "writes", "median", "p99", "longest", "median to nothing"]
        print(f"{engine}, {arguments.contacts:,} contacts, {WRITERS} writers; target: longest below {TARGET_MS:.0f} ms")
        print(table(heads, [phase.row(found[0]) for phase in found]))


if __name__ == "__main__":
    main()
