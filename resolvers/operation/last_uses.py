"""Storing when access tokens were last used, without having requests wait for a database that cannot write."""

import asyncio

import structlog

from models.engine.database import Database

WAIT_SECONDS = 0.1  # a healthy database stores it sooner, so that who looks right after a request sees it

MARK_USED = "UPDATE access_tokens SET last_used_at = :now WHERE account_id = :account AND id = :id"

log = structlog.get_logger(__name__)


class LastUses:
    """What is being stored about the last uses of tokens, at most once for each token at a time."""

    def __init__(self) -> None:
        self._storing: dict[int, asyncio.Task[None]] = {}

    async def store(self, database: Database, account_id: int, token_id: int, now: int) -> None:
        """Store a use. After a moment, nobody waits for it any more: reading must not depend on writing."""
        if token_id in self._storing:
            return
        task = self._storing[token_id] = asyncio.create_task(_store(database, account=account_id, id=token_id, now=now))
        task.add_done_callback(lambda _: self._storing.pop(token_id))
        await asyncio.wait([task], timeout=WAIT_SECONDS)

    async def close(self) -> None:
        """Give up what is not stored yet."""
        tasks = [*self._storing.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _store(database: Database, **values: int) -> None:
    try:
        await database.rows(MARK_USED, **values)
    except Exception as error:  # readiness reports a database that takes no writes, and the next use is stored again
        log.warning("last use of a token not stored", reason=str(error) or type(error).__name__)
