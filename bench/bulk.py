"""The cost of a bulk action: one tag for many contacts, beside the same rows stored by hand in one transaction.

    python -m bench.bulk [--engine sqlite] [--contacts 1000000] [--sizes 1000 10000] [--groups 0 1 10 200] [--rounds 5]
    python -m bench.bulk --beside [--engine postgresql] [--contacts 1000000]

Both take turns, each run with a new tag and new groups. The time ends when a subscriber has received all joins of the largest
group. Sizes from 100,000 are measured once. With `--beside`, every contact is tagged while others write.
"""

import argparse
import asyncio
import multiprocessing
import random
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from statistics import median, quantiles
from time import perf_counter
from typing import Any, NamedTuple

import psutil  # type: ignore[import-untyped]  # its types are a package of their own

from app.composition import PRODUCT
from app.running.services import wall_clock
from bench.bulk_world import ACCOUNT, AT, OTHER_ACCOUNT, SCORES, USER, Scene, batches, new_scene, statuses
from bench.loading import load
from bench.raw_bulk import tag_by_hand
from bench.raw_writes import RawWriter, raw_writer
from bench.servers import new_database, temporary_server
from bench.table import table
from models import BulkActionState, Role
from models.engine.database import open_database
from models.engine.statement import Engine
from models.ids import to_global_id
from resolvers.bulk.actions import start_bulk_action
from resolvers.bulk.work import work
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.grouping.watching import group_changes
from resolvers.membership.candidates.definitions_cache import DefinitionsCache
from resolvers.membership.clock import start
from resolvers.operation.context import Caller, Context, Services
from resolvers.operation.scope import Scope
from resolvers.tagging.taggings import add_tags
from subscriptions.bus import LocalBus
from subscriptions.hub import Hub
from subscriptions.messages import MembersChanged

ENGINES: tuple[Engine, ...] = ("sqlite", "postgresql")
TARGETS = {0: 1.5, 1: 1.5, 10: 2.5}  # the floor, by groups
JOINED = "SELECT count(*) AS n FROM contacts WHERE account_id = :account AND status_folded = ANY(:statuses AS text) AND score < :bound"
ONCE = 100_000  # contacts from which on one round says enough, and takes long enough
# Otherwise one of two would always pay for what both have left to be written to the files.
CHECKPOINT: dict[Engine, str] = {"sqlite": "PRAGMA wal_checkpoint(TRUNCATE)", "postgresql": "CHECKPOINT"}
WRITERS = 4
QUIET_SECONDS, SAMPLE_SECONDS = 10.0, 0.05
INTERACTIVE = {"tags": [{"name": "Interactive"}], "create_missing": True}


def _definitions() -> DefinitionsCache:
    return DefinitionsCache(CriteriaLimits(), PRODUCT.record_types)


def bounds(groups: int) -> list[int]:
    """Below which scores contacts join: with few groups a contact joins half of them or more, with many about a dozen."""
    if groups <= len(range(0, SCORES, 10)):
        return [SCORES - 10 * number for number in range(groups)]
    return [1 + number % 10 for number in range(groups)]


class Stage(NamedTuple):
    """An open database, and who writes to it."""

    services: Services
    writer: RawWriter
    contacts: int

    def context(self) -> Context:
        """A user's operation."""
        return Context(self.services, Caller(ACCOUNT, USER, Role.OWNER, 0), Scope(ACCOUNT, USER, Role.OWNER))

    async def by_hand(self, size: int, groups: int) -> float:
        """The milliseconds that the floor takes."""
        scene = await self._scene(OTHER_ACCOUNT, groups)
        began = perf_counter()
        await tag_by_hand(self.writer, scene, statuses(size, self.contacts), self.services.database.engine)
        return (perf_counter() - began) * 1000

    async def by_muster(self, size: int, groups: int) -> float:
        """The milliseconds until the bulk action is done and the watcher has been told."""
        scene = await self._scene(ACCOUNT, groups)
        await self.services.definitions.current(self.services.database, ACCOUNT)
        chosen = statuses(size, self.contacts)
        watchers = [await self._watching(scene, chosen)] if scene.groups else []
        began = perf_counter()
        await self.tag(scene, chosen)
        await asyncio.gather(*watchers)
        return (perf_counter() - began) * 1000

    async def _scene(self, account_id: int, groups: int) -> Scene:
        """A new scene, right after a checkpoint."""
        scene = await new_scene(self.services.database, account_id, bounds(groups))
        await self.services.database.rows(CHECKPOINT[self.services.database.engine])
        return scene

    async def tag(self, scene: Scene, chosen: Sequence[str]) -> None:
        """Give the scene's tag to these contacts."""
        target = {"where": {"status": {"equals": list(chosen)}}}
        change = {"tags": {"add": [{"id": to_global_id("Tag", scene.tag_id)}]}}
        started = await start_bulk_action(self.context(), target=target, change=change)
        await work(self.services)
        if not started.action:
            raise SystemExit("nothing was started")
        done = await self.context().scope.bulk_actions.get(id=started.action.pk)
        if done.state is not BulkActionState.COMPLETED:
            raise SystemExit(f"the bulk action did not complete: {done.error}")

    async def _watching(self, scene: Scene, chosen: Sequence[str]) -> Awaitable[None]:
        """Something that ends when all who join the largest group have been told."""
        group_id, bound = max(scene.groups.items(), key=lambda each: each[1])
        joined = await self.services.database.row(JOINED, account=ACCOUNT, statuses=list(chosen), bound=bound)
        messages = aiter(group_changes(self.context(), to_global_id("Group", group_id), None))
        await anext(messages)  # a heartbeat: from here on nothing is missed
        return asyncio.create_task(_told(messages, joined["n"]))


async def _told(messages: AsyncIterator[Any], contacts: int) -> None:
    told = 0
    while told < contacts:
        message = await anext(messages)
        told += len(message.joined_ids) if isinstance(message, MembersChanged) else 0


@asynccontextmanager
async def stage(engine: Engine, contacts: int) -> AsyncIterator[Stage]:
    """A new database with so many contacts."""
    with temporary_server(engine) as server:
        async with new_database(server) as url:
            _load_apart(url, contacts)
            async with raw_writer(url) as writer, open_database(url) as database:
                await start(database, wall_clock())
                hub = Hub(database, LocalBus())
                async with hub.running():
                    yield Stage(Services(database, hub, _definitions(), wall_clock), writer, contacts)


def _load_apart(url: str, contacts: int) -> None:
    # What loading leaves of this process's memory would be used again, and hide what comes to be needed.
    loading = multiprocessing.get_context("spawn").Process(target=_load, args=(url, contacts))
    loading.start()
    loading.join()
    if loading.exitcode:
        raise SystemExit("the contacts could not be loaded")


def _load(url: str, contacts: int) -> None:
    asyncio.run(load(url, batches(contacts)))


async def compare(arguments: argparse.Namespace) -> None:
    """Print how Muster compares with the floor."""
    rows = []
    async with stage(arguments.engine, arguments.contacts) as here:
        for size in arguments.sizes:
            for groups in arguments.groups:
                rows.append(await _row(here, size, groups, arguments.rounds if size < ONCE else 1))
                print(" ".join(rows[-1]), flush=True)
    print(f"\n{arguments.engine}, {arguments.contacts:,} contacts, {arguments.rounds} rounds below {ONCE:,}")
    print(table(["Contacts and groups", "by hand", "Muster", "ratio", "from", "to", "target"], rows))


async def _row(here: Stage, size: int, groups: int, rounds: int) -> list[str]:
    floors, found = [], []
    for _ in range(rounds):
        floors.append(await here.by_hand(size, groups))
        found.append(await here.by_muster(size, groups))
    ratios = sorted(mine / floor for mine, floor in zip(found, floors, strict=True))
    milliseconds = [f"{median(times):,.0f} ms" for times in (floors, found)]
    cells = [f"{ratio:.2f}" for ratio in (median(ratios), ratios[0], ratios[-1])]
    return [f"{size:,} contacts, {groups} groups", *milliseconds, *cells, f"{TARGETS.get(groups, '')}"]


async def beside(arguments: argparse.Namespace) -> None:
    """Print how others fare while every contact is tagged and ten groups grow, and how much memory that takes."""
    async with stage(arguments.engine, arguments.contacts) as here:
        scene = await new_scene(here.services.database, ACCOUNT, bounds(10))
        everybody = statuses(arguments.contacts, arguments.contacts)
        quiet = await _while(here, asyncio.sleep(QUIET_SECONDS))
        busy = await _while(here, here.tag(scene, everybody))
    rows = [_phase("nothing", quiet, quiet), _phase("every contact is tagged", busy, quiet)]
    print(f"{arguments.engine}, {arguments.contacts:,} contacts, 10 groups, {WRITERS} writers; target: p99 below 150 ms, memory + 300 MB")
    print(table(["While", "took", "writes", "median", "p99", "longest", "memory"], rows))


class Phase(NamedTuple):
    """What writers met, and the most memory that the process had."""

    seconds: float
    milliseconds: list[float]
    megabytes: float


async def _while(here: Stage, doing: Awaitable[None]) -> Phase:
    done, latencies, sizes = asyncio.Event(), list[float](), list[float]()
    beside = [asyncio.create_task(_write_until(done, here, latencies)) for _ in range(WRITERS)]
    beside.append(asyncio.create_task(_weigh_until(done, sizes)))
    began = perf_counter()
    await doing
    seconds = perf_counter() - began
    done.set()
    await asyncio.gather(*beside)
    return Phase(seconds, latencies, max(sizes))


async def _write_until(done: asyncio.Event, here: Stage, latencies: list[float]) -> None:
    chance = random.Random(AT + len(asyncio.all_tasks()))
    while not done.is_set():
        contact = to_global_id("Contact", chance.randrange(here.contacts) + 1)
        began = perf_counter()
        await add_tags(here.context(), contact_ids=[contact], **INTERACTIVE)  # type: ignore[arg-type]  # a mapping of several types
        latencies.append((perf_counter() - began) * 1000)
        await asyncio.sleep(chance.random() * SAMPLE_SECONDS)


async def _weigh_until(done: asyncio.Event, sizes: list[float]) -> None:
    process = psutil.Process()
    while not done.is_set():
        sizes.append(process.memory_info().rss / 2**20)
        await asyncio.sleep(SAMPLE_SECONDS)


def _phase(name: str, phase: Phase, quiet: Phase) -> list[str]:
    usual, slow = median(phase.milliseconds), quantiles(phase.milliseconds, n=100)[98]
    times = [f"{value:.1f} ms" for value in (usual, slow, max(phase.milliseconds))]
    return [name, f"{phase.seconds:.1f} s", f"{len(phase.milliseconds):,}", *times, f"{phase.megabytes - quiet.megabytes:+.0f} MB"]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description="Bulk actions beside set-based SQL by hand.")
    parser.add_argument("--engine", choices=ENGINES, default="sqlite")
    parser.add_argument("--contacts", type=int, default=100_000, help="contacts of the account, a power of ten")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000], help="how many of them get a tag, powers of ten")
    parser.add_argument("--groups", type=int, nargs="+", default=[0, 1, 10, 200], help="groups that they join")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", action="store_true", help="measure others who write meanwhile, and memory")
    arguments = parser.parse_args()
    asyncio.run((beside if arguments.beside else compare)(arguments))


if __name__ == "__main__":
    main()
