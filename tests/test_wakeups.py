"""Waking watchers: nobody sleeps through a wakeup, many are woken a few at a time, and timers that are put off cost nothing."""

import asyncio
from itertools import pairwise

from subscriptions.wakeups.restartable_timer import RestartableTimer
from subscriptions.wakeups.wakeup import AT_ONCE, Wakeup, WakeupQueue

DEADLINE = 5.0


async def test_a_wakeup_that_was_set_before_does_not_wait_until_it_is_cleared() -> None:
    wakeup = Wakeup()
    wakeup.wake()
    await asyncio.wait_for(wakeup.wait(), DEADLINE)
    wakeup.clear()
    hearing = asyncio.create_task(wakeup.wait())
    await asyncio.sleep(0)
    assert wakeup.is_awaited
    wakeup.wake()
    await asyncio.wait_for(hearing, DEADLINE)
    assert not wakeup.is_awaited


class Counting:
    """A wakeup that says when it was rung."""

    def __init__(self, log: list[int], number: int) -> None:
        self.log = log
        self.number = number

    def wake(self) -> None:
        self.log.append(self.number)


async def test_a_queue_wakes_each_wakeup_once_in_order_and_a_few_in_each_turn() -> None:
    log: list[int] = []
    wakeups = [Counting(log, number) for number in range(AT_ONCE * 3)]
    wakeup_queue = WakeupQueue()
    wakeup_queue.wake(wakeups)
    wakeup_queue.wake(wakeups)
    turns = [0]
    async with asyncio.timeout(DEADLINE):
        while len(log) < len(wakeups):
            await asyncio.sleep(0)
            turns.append(len(log))
    assert log == [*range(len(wakeups))]
    assert max(after - before for before, after in pairwise(turns)) <= AT_ONCE
    wakeup_queue.wake(wakeups[:1])
    await asyncio.sleep(0)
    assert log[-1] == 0


async def test_an_alarm_goes_off_when_it_was_last_set_and_not_before() -> None:
    off = asyncio.Event()
    alarm = RestartableTimer(0.05, off.set)
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
    unset, closed, other = (RestartableTimer(0.01, Counting(log, number).wake) for number in range(3))
    for alarm in (unset, closed, other):
        alarm.set()
    unset.unset()
    closed.close()
    async with asyncio.timeout(DEADLINE):
        while not log:  # noqa: ASYNC110  # nothing else happens
            await asyncio.sleep(0)
    assert log == [2]
