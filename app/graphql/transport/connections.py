"""The long-lived connections of this process, WebSockets and event streams alike: whose they are, and how to end them."""

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


# After these codes clients connect again by themselves, as they do not after 4401 or 1008, for example.
TRY_AGAIN_LATER = 1013
FORBIDDEN = Ending(4403, "Forbidden")
RESTARTING = Ending(1012, "Service restart")
CHANGED = Ending(1012, "What your sign-in allows has changed")  # for the client it is a restart: all begins anew, and can
FULL = Ending(TRY_AGAIN_LATER, "Too many open connections")
SILENT = Ending(TRY_AGAIN_LATER, "No pong for too long")


class Connection:
    """One open connection: the callers whose operations run on it, once known, and a way to end it from elsewhere."""

    def __init__(self) -> None:
        self.callers: set[Caller] = set()
        """One, unless what a sign-in allows has changed between two operations."""
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        """Done when somebody asks for the end; whoever serves the connection carries it out."""

    def user_ids(self) -> set[int]:
        """The users among the callers."""
        return {caller.user_id for caller in self.callers}

    def end(self, ending: Ending) -> None:
        """Ask for the end; the first reason counts."""
        if not self.ended.done():
            self.ended.set_result(ending)


class Connections:
    """All open connections, at most so many, and of one user at most so many of them."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._open: set[Connection] = set()
        self._users: Counter[int] = Counter()
        self._closing = False

    def open(self) -> Connection:
        """A new connection; whoever opens it discards it, once."""
        if len(self._open) >= self._most:
            raise Unavailable("The server has as many open connections as it takes: try again later.")
        connection = Connection()
        self._open.add(connection)
        if self._closing:
            connection.end(RESTARTING)
        return connection

    def admit(self, connection: Connection, caller: Caller) -> None:
        """Let a connection run on behalf of a caller, if that user has not too many; one that is not open any more is left alone."""
        if connection not in self._open:
            return
        if caller.user_id not in connection.user_ids():
            if self._users[caller.user_id] >= self._most_of_one:
                raise Unavailable("You have as many open connections as one user may have: close one first.")
            self._users[caller.user_id] += 1
        connection.callers.add(caller)

    def discard(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._open.remove(connection)
        for user_id in connection.user_ids():
            self._users[user_id] -= 1
            if not self._users[user_id]:
                del self._users[user_id]

    def callers(self) -> set[Caller]:
        """Those on whose behalf open connections run."""
        return {caller for connection in self._open for caller in connection.callers}

    def end(self, lapsed: Mapping[Caller, Lapse]) -> None:
        """End every connection that runs on behalf of one of these callers: for good, unless the sign-in is still one."""
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
    """Run all at once until the first is done, then stop the others and see them out; an error of the first is raised."""
    tasks = [asyncio.create_task(runner) for runner in runners]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
