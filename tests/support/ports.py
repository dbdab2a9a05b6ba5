"""Ports of this machine that nobody but a test uses, so that suites and servers run side by side."""

import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

HERE = "127.0.0.1"


@contextmanager
def reserved_port(*, following: int = 0) -> Iterator[int]:
    """A port, and so many that follow it, which the system gives to no other program meanwhile.

    A socket that is bound and does not listen holds each of them. Clients are refused there until a server of the test listens:
    on Linux it may, as long as it binds with SO_REUSEADDR, which servers do.
    """
    with ExitStack() as held:
        port = _hold(held, 1 + following)
        if sys.platform != "linux":
            held.close()  # elsewhere a server could not bind beside the held socket
        yield port


def _hold(held: ExitStack, count: int) -> int:
    """Bind sockets to consecutive ports, and return the first."""
    while True:
        with ExitStack() as tried, suppress(OSError):  # the next port may be taken
            first = tried.enter_context(_bound(0)).getsockname()[1]
            for number in range(1, count):
                tried.enter_context(_bound(first + number))
            held.enter_context(tried.pop_all())
            return int(first)


def _bound(port: int) -> socket.socket:
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HERE, port))
    except OSError:
        held.close()
        raise
    return held
