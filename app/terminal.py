"""What a command says to people: its result on standard output, everything else on standard error."""

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


def output() -> Console:
    """Where results go."""
    return Console()


def notes() -> Console:
    """Where everything goes that is not the result."""
    return Console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result, exactly as it is, so that it can be copied or piped; what cannot be printed is escaped."""
    output().out(_printable(text), highlight=False)


def _printable(text: str) -> str:
    """The text, with backslashes before the numbers of what standard output has no bytes for, such as a file's name that is no text."""
    return text.encode(sys.stdout.encoding, "backslashreplace").decode(sys.stdout.encoding)


def note(text: str) -> None:
    """Print a line for the person who waits."""
    notes().out(text, highlight=False)


def progress() -> Progress:
    """A progress bar, which stays away where nobody watches."""
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
