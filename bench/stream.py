"""How fast watchers are told, by a real server process beside a bare broadcast to as many sockets in the same run.

    python -m bench.stream [--watchers 1 100 1000 5000] [--rounds 40] [--engine sqlite]

In each round a mutation moves a contact into or out of a watched group, then another one out of or into a group that nobody
watches, and then the bare server sends a message of the same size to as many sockets of its own.
"""

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from socket import SO_RCVBUF, SOL_SOCKET, socket
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import NamedTuple

from bench.servers import new_database, temporary_server
from bench.sockets import HANDSHAKE, frame
from bench.stage import DEADLINE, STALLED_SECONDS, Http, Stage, greetings, open_watchers, staged
from bench.table import table
from models.engine.statement import Engine

WATCHERS = (1, 100, 1000, 5000)
ROUNDS = 40
WARM_UP = 5
STALLED_MUTATIONS = 20
MUTE_OPERATIONS = 40  # so that what it does not read soon fills the buffers of the operating system
CHURN = 10_000


class Round(NamedTuple):
    """Milliseconds from sending a mutation until it was answered and until the first and the last watcher were told."""

    reply: float
    first: float
    last: float
    unwatched_reply: float
    told_per_second: float
    bare_per_second: float


def open_sockets(stage: Stage, count: int) -> tuple[float, float]:
    """Connect this many subscribers and listeners, and return the kilobytes that each takes on its server."""
    before, bare_before = stage.server.kilobytes(), stage.bare.kilobytes()
    open_watchers(stage, count)
    stage.listeners.ask(open=count, port=stage.bare.port, path="/", texts=[], greeting=1)
    return (stage.server.kilobytes() - before) / count, (stage.bare.kilobytes() - bare_before) / count


def rounds(stage: Stage, count: int, number: int) -> list[Round]:
    """Tell all watchers so many times, an even number of times in all: the contact ends where it began."""
    bare = Http(stage.bare.port, "")
    turns = WARM_UP + number + (WARM_UP + number) % 2
    return [one_round(stage, bare, count, inside=turn % 2 == 0) for turn in range(turns)][WARM_UP:]


def one_round(stage: Stage, bare: Http, count: int, *, inside: bool) -> Round:
    """Tell all watchers once, nobody once, and all listeners once."""
    world = stage.world
    stage.watchers.tell(**{"await": 1})
    sent = world.move("Watched", world.contacts[:1], inside=inside)
    replied = perf_counter()
    told = stage.watchers.answer()
    unwatched = world.move("Unwatched", world.contacts[:1], inside=inside)
    unwatched_reply = perf_counter() - unwatched
    stage.listeners.tell(**{"await": 1})
    began = perf_counter()
    bare.post("/", "x" * told["size"])
    wait = stage.listeners.answer()
    # Muster sends a few at a time, so the first is told when sending begins; the bare loop lets nothing out before its end.
    rates = (count - 1) / max(told["last"] - told["first"], 1e-6), (count - 1) / (wait["last"] - began)
    times = [moment * 1000 for moment in (replied - sent, told["first"] - sent, told["last"] - sent, unwatched_reply)]
    return Round(times[0], times[1], times[2], times[3], rates[0], rates[1])


class Stalled(NamedTuple):
    """What one watcher that never reads does to the server and to another watcher."""

    megabytes: float
    seconds_until_closed: float
    last_before: float
    last_meanwhile: float


def stall(stage: Stage) -> Stalled:
    """Let a watcher stop reading while large messages are sent, until the server has had enough of it."""
    world, watchers = stage.world, stage.watchers
    open_watchers(stage, 1)
    before = [large_round(stage, inside=turn % 2 == 0) for turn in range(STALLED_MUTATIONS)]
    memory = stage.server.kilobytes()
    with socket() as mute:
        mute.setsockopt(SOL_SOCKET, SO_RCVBUF, 4096)
        mute.connect(("127.0.0.1", stage.server.port))
        port = mute.getsockname()[1]
        mute.sendall(HANDSHAKE.format(path="/graphql").encode())
        mute.recv(1024)
        init, subscribe = greetings(world, world.group)
        others = [subscribe.replace('"id": "1"', f'"id": "{number}"') for number in range(MUTE_OPERATIONS)]
        mute.sendall(b"".join(map(frame, [init, *others])))
        meanwhile: list[float] = []
        most, began = 0.0, perf_counter()
        while stage.server.has_connection_from(port) and perf_counter() - began < DEADLINE:
            meanwhile += [large_round(stage, inside=inside) for inside in (True, False)]
            most = max(most, stage.server.kilobytes() - memory)
        took = perf_counter() - began
    watchers.ask(close=1)
    return Stalled(most / 1024, took, median(before), median(meanwhile))


def large_round(stage: Stage, *, inside: bool) -> float:
    """Milliseconds until the watcher that reads is told of 500 contacts that joined or left at once."""
    stage.watchers.tell(**{"await": 1})
    sent = stage.world.move("Watched", stage.world.contacts, inside=inside)
    return float((stage.watchers.answer()["last"] - sent) * 1000)


async def measure(engine: Engine, counts: Sequence[int], number: int) -> None:
    """Measure everything and print the tables."""
    with temporary_server(engine) as place:
        async with new_database(place) as url:
            with staged(url) as stage:
                print(watched_table(stage, counts, number))
                print()
                print(stalled_table(stall(stage)))
                print()
                print(table(["Connected and broken off", "left open", "memory after 3,000", "after all"], [churn(stage, CHURN)]))


def watched_table(stage: Stage, counts: Sequence[int], number: int) -> str:
    """A row for each number of watchers."""
    rows = []
    for count in counts:
        memory, bare_memory = open_sockets(stage, count)
        found = rounds(stage, count, number)
        rows.append([f"{count:,}", *_cells(found), f"{memory:.0f} kB", f"{bare_memory:.0f} kB"])
        for clients in (stage.watchers, stage.listeners):
            clients.ask(close=1)
    heads = ["Watchers", "first told", "last told", "last, p99", "reply", "to unwatched", "told/s", "to bare", "a watcher", "bare"]
    return table(heads, rows)


def _cells(found: Sequence[Round]) -> Iterator[str]:
    yield f"{median(one.first for one in found):.1f} ms"
    yield f"{median(one.last for one in found):.1f} ms"
    yield f"{quantiles([one.last for one in found], n=100)[-1]:.1f} ms"
    yield f"{median(one.reply for one in found):.1f} ms"
    yield f"x {median(one.reply / one.unwatched_reply for one in found):.2f}"
    if not found[0].told_per_second:
        yield from ("", "")
        return
    yield f"{median(one.told_per_second for one in found):,.0f}"
    yield f"x {median(one.told_per_second / one.bare_per_second for one in found):.2f}"


def churn(stage: Stage, count: int) -> list[str]:
    """Connect and abort this many subscribers, a thousand at a time, and return what remains of them."""
    memory = [0.0]
    for _ in range(0, count, CHURN // 10):
        open_watchers(stage, CHURN // 10)
        stage.watchers.ask(close=1)
        sleep(0.5)
        memory.append(stage.server.kilobytes())
    early, late = memory[3], memory[-1]
    return [f"{count:,}", f"{stage.server.connections()}", f"{early / 1024:.0f} MB", f"{late / 1024:.0f} MB"]


def stalled_table(found: Stalled) -> str:
    """What a watcher that never reads costs."""
    heads = ["One watcher never reads", "memory", "closed after", "another is told in", "to before"]
    ratio = found.last_meanwhile / found.last_before
    cells = [f"{found.megabytes:.1f} MB", f"{found.seconds_until_closed:.1f} s", f"{found.last_meanwhile:.1f} ms", f"x {ratio:.2f}"]
    return table(heads, [[f"deadline {STALLED_SECONDS} s", *cells]])


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(prog="python -m bench.stream", description="How fast watchers are told.")
    parser.add_argument("--watchers", nargs="+", type=int, default=list(WATCHERS), help="numbers of watchers to measure with")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often they are told")
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    arguments = parser.parse_args()
    asyncio.run(measure(arguments.engine, arguments.watchers, arguments.rounds))


if __name__ == "__main__":
    main()
