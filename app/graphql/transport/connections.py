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
CROWDED_OUT = Ending(TRY_AGAIN_LATER, "Too many connections wait for their connection_init")


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
    """All open connections, bounded in number for the process, for each user, and before they sign in.

    A new WebSocket is silent until it signs in, and takes no place of those that did. When there are too many silent ones, the
    address that has most of them loses its oldest, so that a client that signs in at once gets in.
    """

    def __init__(self, most: int, most_of_one: int, most_silent: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._most_silent = most_silent
        self._open: set[Connection] = set()
        self._silent: dict[Connection, str] = {}  # with their addresses, the oldest first
        self._users: Counter[int] = Counter()
        self._closing = False

    def open_silent(self, address: str) -> Connection:
        """Take a new WebSocket that has not signed in, which has to be discarded exactly once."""
        if len(self._silent) >= self._most_silent:
            self._end_a_silent_one()
        connection = self._new()
        self._silent[connection] = address
        return connection

    def open(self) -> Connection:
        """Count a new connection that signs in, which has to be discarded exactly once.

        Raises `Unavailable` if there are too many.
        """
        self._require_place()
        connection = self._new()
        self._open.add(connection)
        return connection

    def begin_sign_in(self, connection: Connection) -> None:
        """Count a connection that was silent until now.

        Raises `Unavailable` if there are too many.
        """
        if connection in self._silent:
            self._require_place()
            del self._silent[connection]
            self._open.add(connection)

    def _new(self) -> Connection:
        connection = Connection()
        if self._closing:
            connection.end(RESTARTING)
        return connection

    def _require_place(self) -> None:
        if len(self._open) >= self._most:
            raise Unavailable("The server has as many open connections as it takes: try again later.")

    def _end_a_silent_one(self) -> None:
        ((address, _),) = Counter(self._silent.values()).most_common(1)
        oldest = next(connection for connection, where in self._silent.items() if where == address)
        del self._silent[oldest]
        oldest.end(CROWDED_OUT)

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
        self._silent.pop(connection, None)
        self._open.discard(connection)
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
        for connection in (*self._open, *self._silent):
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
