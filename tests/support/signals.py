"""How the programs that tests start answer signals, whatever runs the tests."""

import signal
from types import FrameType

OF_USERS = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTERM)


def catch_ignored_signals() -> None:
    """Let programs begin with the default of signals that this process has been started to ignore, and go on ignoring them here.

    A program inherits what its parent ignores, and begins with the default of what its parent catches. A shell's `make test &` and
    `nohup` have signals ignored.
    """
    for number in OF_USERS:
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, _do_nothing)


def _do_nothing(number: int, frame: FrameType | None) -> None:
    """Nothing."""
