"""The command `muster demo`."""

from typing import Annotated

import typer

from app.commands.runner import run
from app.commands.terminal import note, progress
from app.demo.load import CONTACTS, load_demo
from resolvers.operation.context import Services

Size = Annotated[int, typer.Option("--contacts", metavar="N", min=1, max=1_000_000, help="Number of contacts to create.")]


def demo(contacts: Size = CONTACTS) -> None:
    """Create an account with demo data.

    The account is named Demo. It has contacts with tags, appointments, and groups to watch.
    """
    run(lambda services: load_demo_visibly(services, contacts))
    note("The account Demo is ready. To get a token: muster token create --user demo@example.com")


async def load_demo_visibly(services: Services, contacts: int) -> None:
    """Load the demo data with a progress bar."""
    with progress() as bar:
        task = bar.add_task("Loading the demo", total=contacts)
        await load_demo(services, contacts, lambda done: bar.update(task, completed=done))
