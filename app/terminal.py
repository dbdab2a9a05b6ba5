"""What a command says to people: its result on standard output, everything else on standard error."""

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


def output() -> Console:
    """Where results go."""
    return Console()


def notes() -> Console:
    """Where everything goes that is not the result."""
    return Console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result, exactly as it is, so that it can be copied or piped."""
    output().out(text, highlight=False)


def note(text: str) -> None:
    """Print a line for the person who waits."""
    notes().out(text, highlight=False)


def progress() -> Progress:
    """A progress bar, which stays away where nobody watches."""
    console = notes()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
