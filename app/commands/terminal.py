"""Prints a command's result on standard output and everything else on standard error."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


def output() -> Console:
    """Return a console on standard output, for results."""
    return Console()


def notes() -> Console:
    """Return a console on standard error, for everything that is not a result."""
    return Console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result without wrapping or colours, so that it can be copied and piped."""
    output().out(_printable(text), highlight=False)


def _printable(text: str) -> str:
    """Escape characters that standard output cannot encode, such as those of a file name that is not UTF-8."""
    return text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)


def note(text: str) -> None:
    """Print a line on standard error."""
    notes().out(text, highlight=False)


def progress() -> Progress:
    """Return a progress bar, which is hidden if standard error is not a terminal."""
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
