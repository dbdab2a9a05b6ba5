"""Waking watchers: nobody sleeps through a bell, many are woken a few at a time, and timers that are put off cost nothing."""

import asyncio
from itertools import pairwise

from subscriptions.wakeups.restartable_timer import Alarm
from subscriptions.wakeups.wakeup import AT_ONCE, Bell, Peal

DEADLINE = 5.0


async def test_a_bell_that_rang_before_is_heard_at_once_until_it_is_cleared() -> None:
    bell = Bell()
    bell.ring()
    await asyncio.wait_for(bell.heard(), DEADLINE)
    bell.clear()
    hearing = asyncio.create_task(bell.heard())
    await asyncio.sleep(0)
    assert bell.is_awaited
    bell.ring()
    await asyncio.wait_for(hearing, DEADLINE)
    assert not bell.is_awaited


class Counting:
    """A bell that says when it was rung."""

    def __init__(self, log: list[int], number: int) -> None:
        self.log = log
        self.number = number

    def ring(self) -> None:
        self.log.append(self.number)


async def test_a_peal_rings_each_bell_once_in_order_and_a_few_in_each_turn() -> None:
    log: list[int] = []
    bells = [Counting(log, number) for number in range(AT_ONCE * 3)]
    peal = Peal()
    peal.ring(bells)
    peal.ring(bells)
    turns = [0]
    async with asyncio.timeout(DEADLINE):
        while len(log) < len(bells):
            await asyncio.sleep(0)
            turns.append(len(log))
    assert log == [*range(len(bells))]
    assert max(after - before for before, after in pairwise(turns)) <= AT_ONCE
    peal.ring(bells[:1])
    await asyncio.sleep(0)
    assert log[-1] == 0


async def test_an_alarm_goes_off_when_it_was_last_set_and_not_before() -> None:
    off = asyncio.Event()
    alarm = Alarm(0.05, off.set)
    began = asyncio.get_running_loop().time()
    for _ in range(3):
        alarm.set()
        await asyncio.sleep(0)
    last = asyncio.get_running_loop().time()
    await asyncio.wait_for(off.wait(), DEADLINE)
    assert alarm.went_off
    assert asyncio.get_running_loop().time() >= last + 0.04 > began


async def test_an_alarm_that_is_unset_or_closed_stays_silent() -> None:
    log: list[int] = []
    unset, closed, other = (Alarm(0.01, Counting(log, number).ring) for number in range(3))
    for alarm in (unset, closed, other):
        alarm.set()
    unset.unset()
    closed.close()
    async with asyncio.timeout(DEADLINE):
        while not log:  # noqa: ASYNC110  # nothing else happens
            await asyncio.sleep(0)
    assert log == [2]
