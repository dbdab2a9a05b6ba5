"""A process that has imported a module, `app.cli` or another one with a `main`, and becomes that program as often as it is asked to.

Importing takes most of the time in which a program starts. Each program is a copy of this process, made before anything but the
imports has happened here. `tests/support/programs.py` asks for them.
"""

import gc
import json
import os
import selectors
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import NoReturn

from tests.support.programs import LENGTH_BYTES

DESCRIPTORS = 3  # that come with a request: standard output, standard error, and a socket for news of the program


class Launcher:
    """Makes a program for each request, and reports its process id and later its exit status over the request's own socket."""

    def __init__(self, requests: socket.socket, module: ModuleType) -> None:
        self._requests = requests
        self._module = module
        self._running: dict[int, socket.socket] = {}
        self._ended, self._wakeup = socket.socketpair()
        self._ended.setblocking(False)
        self._wakeup.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakeup.fileno())

    def serve(self) -> None:
        """Answer requests. Returns in each new program, and ends this process when nobody is left who could ask."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ, self._begin)
            selector.register(self._ended, selectors.EVENT_READ, self._report_ends)
            while not any(key.data() for key, _ in selector.select()):
                pass

    def _begin(self) -> bool:
        """Make the program of the next request, and say whether this is it."""
        head, descriptors, _, _ = socket.recv_fds(self._requests, LENGTH_BYTES, DESCRIPTORS)
        if not head:  # nobody is left who could ask
            self._end()
        request = json.loads(_exactly(self._requests, int.from_bytes(head)))
        *standard, news = descriptors
        if pid := os.fork():
            for each in standard:
                os.close(each)
            self._running[pid] = socket.socket(fileno=news)
            self._running[pid].sendall(f"{pid}\n".encode())
            return False
        os.close(news)
        self._forget()
        _become(self._module, request, standard)
        return True

    def _report_ends(self) -> bool:
        with suppress(BlockingIOError):
            while self._ended.recv(2**10):
                pass
        with suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                with self._running.pop(found[0]) as news, suppress(OSError):  # the test may not wait for it
                    news.sendall(f"{os.waitstatus_to_exitcode(found[1])}\n".encode())
        return False

    def _forget(self) -> None:
        """Give up, in a new program, what belongs to this process."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for each in (self._requests, self._ended, self._wakeup, *self._running.values()):
            each.close()

    def _end(self) -> NoReturn:
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        sys.exit()


def _exactly(stream: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        received += stream.recv(count - len(received))
    return received


def _become(program: ModuleType, request: dict[str, object], standard: list[int]) -> None:
    """Take over the arguments, the environment, the directory and the standard streams of a program."""
    arguments, environment, directory = request["arguments"], request["environment"], request["directory"]
    assert isinstance(arguments, list)
    assert isinstance(environment, dict)
    sys.modules["__main__"] = program  # what it says of its name, and what its own processes import
    sys.argv = [str(program.__file__), *arguments]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(str(directory))
    for number, descriptor in enumerate(standard, 1):
        os.dup2(descriptor, number)
        os.close(descriptor)


if __name__ == "__main__":
    found = import_module(sys.argv[2])
    gc.freeze()  # or each copy would search all of it for garbage when it ends, and copy it by that
    Launcher(socket.socket(fileno=int(sys.argv[1])), found).serve()
    sys.exit(found.main())
