"""Following a bulk action for one watcher: looked at a few times a second, while it is watched and until it has ended."""

import asyncio
from collections.abc import AsyncIterator

from models import BulkAction
from models.errors import NotFound

LEAST_SECONDS = 0.25  # between two looks


async def follow_progress(account_id: int, action_id: int) -> AsyncIterator[BulkAction]:
    """The action at once, then whenever it has come further, and at last as it ended; `NotFound` for another account's."""
    told: BulkAction | None = None
    while told is None or told.is_active:
        if told:
            await asyncio.sleep(LEAST_SECONDS)
        found = await BulkAction.get_or_none(id=action_id, account_id=account_id)
        if found is None:
            raise NotFound("There is no such bulk action.")
        if found != told:
            told = found
            yield found
