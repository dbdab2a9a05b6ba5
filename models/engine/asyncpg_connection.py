"""One connection to a PostgreSQL server: what the operating system watches over, and how its statements and transactions are given up.

This module and the client beside it are the only ones that use private names of asyncpg.
"""

import socket
from contextlib import suppress
from typing import Any

from asyncpg.exceptions import InterfaceError, PostgresError

ROLLBACK = "ROLLBACK"

CONNECT_SECONDS = 5.0  # within which a running server accepts a connection
RELEASE_SECONDS = 2.0  # within which it confirms that a statement is cancelled: two round trips and a connection
SOCKET_OPTIONS = (
    ("SO_KEEPALIVE", 1),
    ("TCP_KEEPIDLE", 10),  # a long statement sends nothing for minutes, and neither does a server that has vanished
    ("TCP_KEEPINTVL", 5),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 15_000),  # milliseconds that sent data may stay unacknowledged: by default some 15 minutes
)


async def enable_keepalive(connection: Any) -> None:
    """Have the operating system end a connection within half a minute once its server has vanished."""
    wire = connection._transport.get_extra_info("socket")
    if wire.family == socket.AF_UNIX:
        return
    for name, value in SOCKET_OPTIONS:
        if hasattr(socket, name):  # not every operating system has all of them
            wire.setsockopt(socket.SOL_SOCKET if name.startswith("SO_") else socket.IPPROTO_TCP, getattr(socket, name), value)


async def release(pool: Any, connection: Any) -> None:
    """Return a connection to its pool, or close it if the server does not confirm in time that its statement is cancelled."""
    with suppress(TimeoutError):
        await pool.release(connection, timeout=RELEASE_SECONDS)


async def roll_back(connection: Any) -> None:
    """End a transaction without its changes, by closing the connection if the server does not answer in time."""
    try:
        await connection.execute(ROLLBACK, timeout=RELEASE_SECONDS)
    except TimeoutError:
        with suppress(InterfaceError):  # where the driver has closed it already
            connection.terminate()
    except (InterfaceError, PostgresError, OSError):
        return  # a lost connection has nothing to roll back, and any other is closed as it returns to the pool
