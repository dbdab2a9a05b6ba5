"""The laws of fair shares: which turns run, which wait and which are refused, whatever arrives, takes long or gives up."""

import heapq
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from models.engine.fair_order import FairOrder, Turn, WorkKey
from models.engine.flows import SWEPT_FROM
from tests.support.effort import examples

LONGEST = 3
ACCOUNTS, TOKENS = "abcd", "xyz"
Part = Callable[[Turn], Hashable]


@dataclass(frozen=True)
class Arrival:
    """A turn that arrives so long after the one before, and takes so long. Or it leaves after some time if it still waits."""

    account: str
    token: str
    after: int
    takes: int
    patience: int | None = None


arrivals = st.lists(
    st.builds(
        Arrival,
        st.sampled_from(ACCOUNTS) | st.just("a"),
        st.sampled_from(TOKENS),
        after=st.just(0) | st.just(0) | st.integers(0, 2),
        takes=st.integers(1, LONGEST),
        patience=st.none() | st.none() | st.integers(0, 30),
    ),
    max_size=60,
)
orders = st.builds(FairOrder, st.integers(1, 5), st.sampled_from([0, 1, 2, 5, 20, 120]))


@dataclass
class World:
    """A server for turns, with a clock that jumps from event to event."""

    order: FairOrder
    now: int = 0
    waiting: list[Turn] = field(default_factory=list)
    running: dict[Turn, int] = field(default_factory=dict)  # with the moment at which each ends
    started: list[Turn] = field(default_factory=list)
    refused: list[Turn] = field(default_factory=list)
    served: Counter[Hashable] = field(default_factory=Counter)  # seconds, by account and by (account, token)
    takes: dict[Turn, int] = field(default_factory=dict)
    after_event: Callable[["World"], None] = lambda _world: None

    def arrive(self, arrival: Arrival) -> Turn:
        turn = Turn(WorkKey(arrival.account, arrival.token))
        self.takes[turn] = arrival.takes
        refused = self.order.arrive(turn, self.now)
        if turn.is_started:
            self._note_start(turn)
        elif refused is not turn:
            self.waiting.append(turn)
        if refused:
            self.refused.append(refused)
            if refused is not turn:
                self.waiting.remove(refused)
        self.after_event(self)
        return turn

    def leave(self, turn: Turn) -> None:
        if turn in self.waiting:
            self.waiting.remove(turn)
            self.order.leave(turn, self.now)
            self.after_event(self)

    def advance(self, moment: int) -> None:
        """Let time pass, and turns end, until this moment."""
        while self.running and (first := min(self.running.values())) <= moment:
            self._pass(first)
            turn = next(turn for turn, ends in self.running.items() if ends == first)
            del self.running[turn]
            for started in self.order.finish(turn, self.now):
                self.waiting.remove(started)
                self._note_start(started)
            self.after_event(self)
        self._pass(moment)

    def finish_all(self) -> None:
        while self.running:
            self.advance(min(self.running.values()))

    def _pass(self, moment: int) -> None:
        for turn in self.running:
            self.served[turn.key.account] += moment - self.now
            self.served[turn.key] += moment - self.now
        self.now = moment

    def _note_start(self, turn: Turn) -> None:
        self.running[turn] = self.now + self.takes[turn]
        self.started.append(turn)


def play(world: World, events: list[Arrival]) -> None:
    """Let everything arrive, give up and end."""
    leaving: list[tuple[int, int, Turn]] = []
    numbers, moment = count(), 0
    for event in events:
        moment += event.after
        while leaving and leaving[0][0] <= moment:
            leaves, _, turn = heapq.heappop(leaving)
            world.advance(max(leaves, world.now))
            world.leave(turn)
        world.advance(moment)
        turn = world.arrive(event)
        if event.patience is not None:
            heapq.heappush(leaving, (moment + event.patience, next(numbers), turn))
    for leaves, _, turn in sorted(leaving):
        world.advance(max(leaves, world.now))
        world.leave(turn)
    world.finish_all()


@given(orders, arrivals)
@settings(max_examples=examples(50), deadline=None)
def test_no_turn_waits_that_could_run_and_bounds_hold(order: FairOrder, events: list[Arrival]) -> None:
    most, most_waiting = order.most_running, order.most_waiting

    def check(world: World) -> None:
        running = Counter(turn.key.account for turn in world.running)
        waiting = Counter(turn.key.account for turn in world.waiting)
        assert (order.running, order.waiting) == (len(world.running), len(world.waiting))
        assert order.running <= most
        assert order.waiting <= most_waiting
        assert all(2 * each <= most_waiting + 1 for each in waiting.values())
        free = most - order.running
        assert all(running[account] >= free for account in waiting)

    play(World(order, after_event=check), events)


@given(orders, arrivals)
@settings(max_examples=examples(50), deadline=None)
def test_nothing_is_left_when_all_turns_have_ended(order: FairOrder, events: list[Arrival]) -> None:
    world = World(order)
    play(world, events)
    assert not world.waiting
    assert not order.remembered
    assert len(set(world.started)) == len(world.started)


class Lead:
    """How much more one flow is served than another, in any interval in which the other waits all the time."""

    def __init__(self, waits: Hashable, other: Hashable) -> None:
        self._waits, self._other = waits, other
        self._least: int | None = None
        self.most = 0

    def note(self, world: World, waiting: set[Hashable]) -> None:
        if self._waits not in waiting:
            self._least = None
            return
        lead = world.served[self._other] - world.served[self._waits]
        self._least = lead if self._least is None else min(self._least, lead)
        self.most = max(self.most, lead - self._least)


@given(orders, arrivals)
@settings(max_examples=examples(100), deadline=None)
def test_nobody_gets_more_than_an_account_that_waits_all_the_time(order: FairOrder, events: list[Arrival]) -> None:
    leads = [Lead(one, other) for one in ACCOUNTS for other in ACCOUNTS if one != other]
    tokens = [WorkKey("a", token) for token in TOKENS]
    leads += [Lead(one, other) for one in tokens for other in tokens if one != other]

    def note(world: World) -> None:
        waiting = {part for turn in world.waiting for part in (turn.key.account, turn.key)}
        for lead in leads:
            lead.note(world, waiting)

    play(World(order, after_event=note), events)
    most = max(lead.most for lead in leads)
    assert most <= 2 * LONGEST * order.most_running  # the largest cost of either flow, on each place


def test_a_token_that_sends_much_leaves_the_others_of_its_account_their_share() -> None:
    world = World(FairOrder(2, 1_000))
    for token, number in (("busy", 100), ("quiet", 10)):
        for _ in range(number):
            world.arrive(Arrival("a", token, 0, 1))
    world.advance(20)
    assert Counter(turn.key.token for turn in world.started)["quiet"] == 10


def test_an_account_that_was_idle_has_saved_nothing_up() -> None:
    world = World(FairOrder(1, 10_000))
    for _ in range(1_000):
        world.arrive(Arrival("busy", "x", 0, 1))
    world.arrive(Arrival("other", "x", 0, 1))
    world.advance(500)
    before = world.served["busy"]
    for _ in range(100):
        world.arrive(Arrival("other", "x", 0, 1))
    world.advance(600)
    assert abs(world.served["busy"] - before - 50) <= 2


def test_an_account_that_used_what_nobody_wanted_is_not_held_back_for_it() -> None:
    world = World(FairOrder(1, 1_000))
    for _ in range(100):
        world.arrive(Arrival("early", "x", 0, 1))
        world.advance(world.now + 1)
    for _ in range(20):
        world.arrive(Arrival("late", "x", 0, 1))
        world.arrive(Arrival("early", "x", 0, 1))
    world.advance(120)
    assert abs(world.served["early"] - 100 - 10) <= 2


def test_the_next_account_finds_room_at_once() -> None:
    order = FairOrder(16, 1_000)
    world = World(order)
    running = []
    for account in "abcd":
        for _ in range(20):
            world.arrive(Arrival(account, "x", 0, 1))
        running.append(sum(turn.key.account == account for turn in world.running))
    assert running == [8, 4, 2, 1]
    assert world.arrive(Arrival("e", "x", 0, 1)).is_started


def test_the_newest_turn_of_the_longest_queue_is_refused() -> None:
    world = World(FairOrder(1, 10))
    world.arrive(Arrival("a", "x", 0, 100))
    for token in "xxxxy":
        world.arrive(Arrival("a", token, 0, 1))
    assert not world.refused
    last = [turn for turn in world.waiting if turn.key.token == "x"][-1]
    world.arrive(Arrival("a", "y", 0, 1))
    assert world.refused == [last]
    for account in "bcdef":
        assert world.arrive(Arrival(account, "x", 0, 1)) in world.waiting
    assert len(world.refused) == 1
    assert world.arrive(Arrival("g", "x", 0, 1)) in world.waiting
    assert [turn.key.account for turn in world.refused] == ["a", "a"]


def test_accounts_that_come_once_leave_nothing_while_others_wait() -> None:
    order = FairOrder(2, 10_000)
    world = World(order)
    for _ in range(3_000):
        world.arrive(Arrival("busy", "x", 0, 1))
    for number in range(1_000):
        world.arrive(Arrival(str(number), "x", 0, 1))
        world.advance(world.now + 2)
    assert world.waiting
    assert order.remembered <= SWEPT_FROM
