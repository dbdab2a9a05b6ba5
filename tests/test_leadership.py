"""One process leads, however many ask at once, the lock is really held."""

import asyncio

import pytest

from models.engine.leadership import Leadership
from tests.support.processes import DEADLINE

MANY = 20


@pytest.mark.only("postgresql")
async def test_many_who_ask_at_once_hold_one_lock_that_nobody_else_gets(url: str) -> None:
    leader, other = Leadership(url), Leadership(url)
    async with asyncio.timeout(DEADLINE):
        assert await asyncio.gather(*(leader.held() for _ in range(MANY))) == [True] * MANY
        assert not await other.held()
        await leader.resign()
        while not await other.held():  # noqa: ASYNC110  # PostgreSQL tells nobody that a lock is free
            await asyncio.sleep(0)
        await other.resign()
