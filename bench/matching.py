"""The cost of finding and evaluating the groups that a change can affect, beside evaluating every group, in memory.

    python -m bench.matching [--sizes 1000 10000 100000]

Times are the processor's, not those of the clock on the wall: nothing here waits for anything.
"""

import argparse
import gc
import random
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from statistics import median
from time import thread_time
from typing import NamedTuple, TypeVar

from bench.dataset import COMPANIES, NOW_US, ZONE
from bench.manygroups import ManyGroups
from bench.table import table
from models.text import fold
from resolvers.criteria.evaluation.facts import ContactFacts
from resolvers.criteria.evaluation.needs import Needs
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.mentions import Mention
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.semantics.time import Now
from resolvers.membership.candidates.account_definitions import AccountDefinitions, Definition, compile_definition
from resolvers.membership.candidates.matching import ContactChange
from resolvers.records.appointments import APPOINTMENT

SIZES = (1_000, 10_000, 100_000)
FEWEST, ROUNDS = 50, 300
PATIENCE = 3_000.0  # milliseconds of matching, after which the fewest rounds will do
FLOORS = 5  # rounds in which every group is judged too
WEIGHED = 1_000  # groups whose own size is taken
ADDED = 200
SIMILAR = range(8, 13)  # the number of groups that use a tag, chosen so that it is the same at every size
EVERYTHING = Needs(tags=True, custom=True, groups=True, owned=frozenset([APPOINTMENT]))
UPDATED_AT = Mention("contact", "updated_at")

T = TypeVar("T")
Make = Callable[[], ContactChange]


class Result(NamedTuple):
    """One kind of change: how many groups were judged, and milliseconds to do that, and to judge every group."""

    size: int
    change: str
    judged: float
    middle: float
    slowest: float
    floor: float


class Footprint(NamedTuple):
    """What a group costs: bytes of the index and of its compiled criteria, milliseconds to compile it, to add it, and at most."""

    size: int
    indexed: float
    compiled: float
    compiling: float
    adding: float
    adding_slowly: float


class Changes:
    """Changes of contacts at random."""

    def __init__(self, made: ManyGroups, known: AccountDefinitions) -> None:
        self._made = made
        self._chance = random.Random(1)
        tags = range(1, made.tags + 1)
        self._similar = [tag for tag in tags if len(known.mentioning(Mention("tag", tag))) in SIMILAR]

    def kinds(self) -> dict[str, Make]:
        """Each kind by its name."""
        return {
            f"a tag that {SIMILAR.start} to {SIMILAR.stop - 1} groups name": lambda: self._flip(self._chance.choice(self._similar)),
            "a tag, as often as it is carried": lambda: self._flip(self._made.tag()),
            "the commonest tag": lambda: self._flip(1),
            "the country": lambda: self._set("country_folded", fold(self._made.country())),
            "the score": lambda: self._set("score", self._made.score()),
            "the company": lambda: self._set("company_folded", fold(self._chance.choice(COMPANIES))),
            "a new contact": self._create,
        }

    def _flip(self, tag: int) -> ContactChange:
        facts = self._made.contact()
        facts.tags = {each: at for each, at in facts.tags.items() if each != tag} | ({} if tag in facts.tags else {tag: NOW_US})
        return _altered(facts, {"updated_at": NOW_US}, Mention("tag", tag))

    def _set(self, column: str, value: str | int) -> ContactChange:
        return _altered(self._made.contact(), {column: value, "updated_at": NOW_US})

    def _create(self) -> ContactChange:
        return ContactChange(self._made.contact(), created=[CONTACT], loaded=EVERYTHING)


def _altered(facts: ContactFacts, values: Mapping[str, str | int], *others: Mention) -> ContactChange:
    before = {Mention("contact", name): () if (value := facts.values[name]) is None else (value,) for name in values}
    facts.values = {**facts.values, **values}
    return ContactChange(facts, {*before, *others}, before, loaded=EVERYTHING)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What comes of some work, and its milliseconds."""
    start = thread_time()
    found = work()
    return found, (thread_time() - start) * 1000


def slowest(times: Sequence[float]) -> float:
    """The time below which 99 of 100 lie."""
    return sorted(times)[len(times) * 99 // 100 - 1]


def matched(known: AccountDefinitions, alteration: ContactChange) -> tuple[int, set[int]]:
    """How many groups are judged, and those of them that the contact is in now."""
    now = known.at(NOW_US)
    matching = known.matching(settled=now, now=now)
    found = matching.candidates(matching.triggered(alteration), alteration)
    found |= matching.followers(found, alteration)
    return len(found), {group_id for group_id in found if known.groups[group_id].predicate(alteration.facts, now)}


def every(definitions: Sequence[Definition], now: Now, alteration: ContactChange) -> set[int]:
    """The groups that the contact is in now, by judging them all."""
    return {definition.group_id for definition in definitions if definition.predicate(alteration.facts, now)}


def measure(change: str, make: Make, known: AccountDefinitions) -> Result:
    """Match many changes of one kind, and for some of them judge every group right after."""
    definitions = list(known.groups.values())
    judged: list[int] = []
    times: list[float] = []
    floors: list[float] = []
    for number in range(ROUNDS):
        if number >= FEWEST and sum(times) > PATIENCE:
            break
        alteration = make()
        (count, found), took = timed(partial(matched, known, alteration))
        judged.append(count)
        times.append(took)
        if number < FLOORS:
            held, took = timed(partial(every, definitions, known.at(NOW_US), alteration))
            floors.append(took)
            if not found <= held or (alteration.created and found != held):
                raise SystemExit(f"{change}: the answers differ.")
    return Result(len(definitions), change, median(judged), median(times), slowest(times), median(floors))


def built(compiled: Mapping[int, Definition]) -> AccountDefinitions:
    """An account with these groups."""
    return AccountDefinitions(-1, ZONE).renewed(0, ZONE, changed=compiled, gone=())


def compiled(made: ManyGroups, count: int) -> dict[int, Definition]:
    """The first so many groups."""
    vocabulary, limits = made.vocabulary, CriteriaLimits()
    return {
        number: compile_definition(number, parse(document, vocabulary, limits), members_id=number)
        for number, document in islice(made.documents(), count)
    }


def weighed(work: Callable[[], object]) -> float:
    """The bytes that come of some work and stay."""
    gc.collect()
    tracemalloc.start()
    kept = work()
    gc.collect()
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return float(size)


def footprint(made: ManyGroups, known: AccountDefinitions, groups: Mapping[int, Definition], compiling: float) -> Footprint:
    """What a group of this account costs."""
    others = [replace(groups[number], group_id=made.count + 1) for number in range(1, ADDED + 1)]
    adding = [timed(partial(known.renewed, 1, ZONE, changed={other.group_id: other}, gone=()))[1] for other in others]
    sample = min(WEIGHED, made.count)
    return Footprint(
        size=made.count,
        indexed=weighed(partial(built, groups)) / made.count,
        compiled=weighed(partial(compiled, ManyGroups(made.count), sample)) / sample,
        compiling=compiling / made.count,
        adding=median(adding),
        adding_slowly=slowest(adding),
    )


def run(size: int) -> tuple[list[Result], Footprint]:
    """Everything about one number of groups."""
    print(f"{size:,} groups", file=sys.stderr, flush=True)
    made = ManyGroups(size)
    groups, compiling = timed(partial(compiled, made, size))
    known = built(groups)
    results = [measure(change, make, known) for change, make in Changes(made, known).kinds().items()]
    return results, footprint(made, known, groups, compiling)


def report(found: Sequence[tuple[list[Result], Footprint]]) -> str:
    """Two tables: what changes cost, and what groups cost."""
    results = sorted(chain.from_iterable(results for results, _ in found), key=_by_change(found))
    changes = ("Change", "groups", "judged", "matching", "99 of 100", "every group", "times")
    costs = ("Groups", "index, a group", "criteria, a group", "compiling one", "adding one", "99 of 100")
    return f"{table(changes, list(map(_row, results)))}\n\n{table(costs, [_costs(footprint) for _, footprint in found])}"


def _row(found: Result) -> list[str]:
    times = [f"{found.middle:.3f} ms", f"{found.slowest:.2f} ms", f"{found.floor:.1f} ms", f"{found.floor / found.middle:,.0f}"]
    return [found.change, f"{found.size:,}", f"{found.judged:g}", *times]


def _costs(found: Footprint) -> list[str]:
    sizes = [f"{found.indexed:,.0f} B", f"{found.compiled:,.0f} B"]
    return [f"{found.size:,}", *sizes, *(f"{each:.2f} ms" for each in (found.compiling, found.adding, found.adding_slowly))]


def _by_change(found: Sequence[tuple[list[Result], Footprint]]) -> Callable[[Result], tuple[int, int]]:
    order = [result.change for result in found[0][0]]
    return lambda result: (order.index(result.change), result.size)


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description="Finding the groups that a change can flip.")
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES), help="numbers of groups to measure with")
    print(report([run(size) for size in parser.parse_args().sizes]))


if __name__ == "__main__":
    main()
