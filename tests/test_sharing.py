"""One execution for all: watchers who are entitled to the same answer are given the same one, and none waits for another."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.graphql.execution.sharing import KEPT_CHARACTERS, KEPT_SECONDS, Share, SharedAnswers
from app.graphql.execution.wire import Answer
from app.graphql.transport.limits import TransportLimits
from subscriptions.wakeups.wakeup import Wakeup
from tests.support.transport_server import ADA, BOB, DEADLINE, Peer, Service, serve

TICKS = "subscription ($factor: Int!, $start: Int = 1) { ticks(start: $start) { number times(factor: $factor) } }"


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serve() as running:
        yield running


@pytest.fixture
async def sockets(service: Service) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def watching(sockets: AsyncExitStack, service: Service, query: str = TICKS, *, who: str = ADA, **variables: int) -> Peer:
    """A socket that watches, once its stream runs."""
    peer = await (await sockets.enter_async_context(service.socket())).sign_in(who)
    running = service.probe.streams["ticks"]
    await peer.subscribe("1", query, variables=variables)
    await service.probe.until("ticks", running + 1)
    return peer


async def told(peer: Peer) -> object:
    message = await peer.receive()
    assert (message["id"], message["type"]) == ("1", "next")
    payload = message["payload"]
    assert isinstance(payload, dict)
    return payload["data"]["ticks"]


async def test_an_event_is_executed_once_for_all_who_ask_the_same(service: Service, sockets: AsyncExitStack) -> None:
    peers = [await watching(sockets, service, factor=2) for _ in range(20)]
    for number in (1, 2, 3):
        service.probe.tick()
        assert [await told(peer) for peer in peers] == [{"number": number, "times": number * 2}] * 20
    assert service.probe.executed == {1: 1, 2: 1, 3: 1}


async def test_variables_that_matter_to_the_answer_keep_answers_apart(service: Service, sockets: AsyncExitStack) -> None:
    peers = [await watching(sockets, service, factor=factor) for factor in (2, 3)]
    service.probe.tick()
    assert [await told(peer) for peer in peers] == [{"number": 1, "times": 2}, {"number": 1, "times": 3}]


async def test_where_a_watcher_started_does_not_keep_answers_apart(service: Service, sockets: AsyncExitStack) -> None:
    first = await watching(sockets, service, factor=2)
    second = await watching(sockets, service, factor=2, start=2)
    service.probe.tick()
    service.probe.tick()
    assert [await told(first), await told(first), await told(second)] == [
        {"number": 1, "times": 2},
        {"number": 2, "times": 4},
        {"number": 2, "times": 4},
    ]
    assert service.probe.executed == {1: 1, 2: 1}


async def test_what_may_depend_on_the_caller_is_executed_for_each(service: Service, sockets: AsyncExitStack) -> None:
    query = "subscription { ticks { caller } }"
    peers = [await watching(sockets, service, query, who=who) for who in (ADA, BOB, ADA)]
    service.probe.tick()
    assert [await told(peer) for peer in peers] == [{"caller": 1}, {"caller": 2}, {"caller": 1}]


async def test_a_watcher_that_leaves_does_not_take_the_answer_away_from_the_others(service: Service, sockets: AsyncExitStack) -> None:
    first, second = [await watching(sockets, service, factor=2) for _ in range(2)]
    service.probe.may_execute.clear()
    service.probe.tick()
    await asyncio.sleep(0)
    first.socket.transport.abort()
    await service.probe.until("ticks", 1)
    service.probe.may_execute.set()
    assert await told(second) == {"number": 1, "times": 2}


async def test_an_answer_that_takes_long_to_make_is_made_once_and_told(service: Service, sockets: AsyncExitStack) -> None:
    peers = [await watching(sockets, service, factor=2) for _ in range(2)]
    service.probe.may_execute.clear()
    service.probe.tick()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.2 * KEPT_SECONDS):
            await peers[0].receive()
    peers.append(await watching(sockets, service, factor=2))
    service.probe.may_execute.set()
    assert [await told(peer) for peer in peers] == [{"number": 1, "times": 2}] * 3
    assert service.probe.executed == {1: 1}


class Kitchen:
    """Makes answers when it is told to, and counts them."""

    def __init__(self, *, characters: int = 1) -> None:
        self.made = 0
        self.opened = asyncio.Event()
        self._text = "x" * characters

    async def make(self, event: int) -> Answer:
        self.made += 1
        await self.opened.wait()
        return Answer(f"{event}{self._text}", None)


async def test_those_who_wait_are_handed_an_answer_that_is_too_long_to_be_kept() -> None:
    answers, kitchen = SharedAnswers(), Kitchen(characters=KEPT_CHARACTERS)
    watchers = [(Share(answers, object(), kitchen.make), Wakeup()) for _ in range(3)]
    assert [share.answer(1, wakeup) for share, wakeup in watchers] == [None] * 3
    kitchen.opened.set()
    async with asyncio.timeout(DEADLINE):
        for _, wakeup in watchers:
            await wakeup.wait()
    assert all(share.answer(1, wakeup) for share, wakeup in watchers)
    assert kitchen.made == 3


async def test_what_is_being_made_is_not_made_again_though_others_are_dropped() -> None:
    answers, sharers, slow, large = SharedAnswers(), object(), Kitchen(), Kitchen(characters=KEPT_CHARACTERS)
    first, second = Wakeup(), Wakeup()
    assert Share(answers, sharers, slow.make).answer(1, first) is None
    large.opened.set()
    for _ in range(3):
        other, wakeup = Share(answers, object(), large.make), Wakeup()
        other.answer(1, wakeup)
        async with asyncio.timeout(DEADLINE):
            await wakeup.wait()
    assert Share(answers, sharers, slow.make).answer(1, second) is None
    slow.opened.set()
    async with asyncio.timeout(DEADLINE):
        await first.wait()
        await second.wait()
    assert slow.made == 1


async def test_a_watcher_that_does_not_read_holds_up_nobody() -> None:
    async with serve(TransportLimits(send_seconds=0.5)) as service, AsyncExitStack() as sockets:
        mute = await (await sockets.enter_async_context(service.socket())).sign_in()
        await mute.subscribe("0", "subscription { flood }")
        await service.probe.until("flood", 1)
        peer = await watching(sockets, service, factor=2)
        for number in range(1, 30):
            service.probe.tick()
            assert await told(peer) == {"number": number, "times": number * 2}
        await service.probe.until("flood", 0)
        await service.until_tokens(1)
