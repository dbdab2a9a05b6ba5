"""The open WebSockets and event streams of this process: who their callers are, and how to end them from elsewhere."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple

from models.errors import Unavailable
from resolvers.access.sign_in import Lapse
from resolvers.operation.context import Caller


class Ending(NamedTuple):
    """Why a connection ends, as a WebSocket's close code and reason."""

    code: int
    reason: str


# After these codes clients connect again by themselves. After others, such as 4401 or 1008, they do not.
TRY_AGAIN_LATER = 1013
FORBIDDEN = Ending(4403, "Forbidden")
RESTARTING = Ending(1012, "Service restart")
CHANGED = Ending(1012, "What your sign-in allows has changed")  # as after a restart, the client connects again and subscribes anew
FULL = Ending(TRY_AGAIN_LATER, "Too many open connections")
SILENT = Ending(TRY_AGAIN_LATER, "No pong for too long")


class Connection:
    """One open connection: the callers whose operations run on it, once authenticated, and a way to end it from elsewhere."""

    def __init__(self) -> None:
        self.callers: set[Caller] = set()
        """Usually one: more if the role of a user has changed between two operations."""
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        """Done when the connection is to end. The task that serves the connection then closes it."""

    def user_ids(self) -> set[int]:
        """The users among the callers."""
        return {caller.user_id for caller in self.callers}

    def end(self, ending: Ending) -> None:
        """Ask for the end of the connection. The first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)


class Connections:
    """All open connections, bounded in number for the process and for each user."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: set[Connection] = set()
        self._users: Counter[int] = Counter()
        self._closing = False

    def open(self) -> Connection:
        """Count a new connection, which has to be discarded exactly once.

        Raises `Unavailable` if there are too many.
        """
        if len(self._open) >= self._most:
            raise Unavailable("The server has as many open connections as it takes: try again later.")
        connection = Connection()
        self._open.add(connection)
        if self._closing:
            connection.end(RESTARTING)
        return connection

    def admit(self, connection: Connection, caller: Caller) -> None:
        """Add a caller to a connection that is still open.

        Raises `Unavailable` if that user has too many connections.
        """
        if connection not in self._open:
            return
        if caller.user_id not in connection.user_ids():
            if self._users[caller.user_id] >= self._most_of_one:
                raise Unavailable("You have as many open connections as one user may have: close one first.")
            self._users[caller.user_id] += 1
        connection.callers.add(caller)

    def discard(self, connection: Connection) -> None:
        """Stop counting a connection that has ended."""
        self._open.remove(connection)
        for user_id in connection.user_ids():
            self._users[user_id] -= 1
            if not self._users[user_id]:
                del self._users[user_id]

    def callers(self) -> set[Caller]:
        """The callers of all open connections."""
        return {caller for connection in self._open for caller in connection.callers}

    def end(self, lapsed: Mapping[Caller, Lapse]) -> None:
        """End every connection of these callers, with a code that says whether to connect again."""
        for connection in self._open:
            lapses = {lapsed[caller] for caller in connection.callers & lapsed.keys()}
            if lapses:
                connection.end(FORBIDDEN if Lapse.OVER in lapses else CHANGED)

    def close(self) -> None:
        """End every connection, and each that is opened from now on, because the server stops."""
        self._closing = True
        for connection in self._open:
            connection.end(RESTARTING)


async def race(*runners: Coroutine[Any, Any, object]) -> None:
    """Run coroutines until the first is done, cancel the others and wait for their end. An error of the first is raised."""
    tasks = [asyncio.create_task(runner) for runner in runners]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
