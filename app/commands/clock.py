"""The command `muster clock`."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from app.commands.runner import configured, run
from app.commands.terminal import note, say
from models.engine.locks import alone_on
from models.errors import BadInput
from models.fields import from_microseconds
from resolvers.maintenance.clock import go_back
from resolvers.membership.clock import ClockReading, read_stored
from resolvers.operation.context import Services

NOW = "now"

BackTo = Annotated[
    str | None, typer.Option("--back-to", metavar="TIME|now", help="Turn the logical clock back to this time, such as 2027-01-31T12:00Z.")
]


def clock(back_to: BackTo = None) -> None:
    """Show the logical clock, and turn it back if it is ahead.

    The logical clock is the time by which groups follow the calendar. It only moves forward, so it stays ahead if the clock of a machine
    has been wrong. First correct that machine's clock and stop its server. Turning back updates the members of every group, and watchers
    are notified of the changes.
    """
    if back_to is not None:
        with alone_on(configured().database_url):
            run(lambda services: turn_back(services, back_to))
        note("The logical clock was turned back.")
    for line in run(state):
        say(line)


async def state(services: Services) -> list[str]:
    """Return the times of all clocks, a line each."""
    return _lines(await read_stored(services.database), services.wall_clock())


def _lines(stored: ClockReading, at: datetime) -> list[str]:
    times = {
        "logical clock": from_microseconds(stored.now),
        "groups are right as of": from_microseconds(stored.settled),
        "old entries are deleted as of": from_microseconds(stored.confirmed),
        "this machine's clock": at,
    }
    if stored.database_time is not None:
        times["the database's clock"] = from_microseconds(stored.database_time)
    return [f"{name}: {_written(time)}" for name, time in times.items()]


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


async def turn_back(services: Services, text: str) -> None:
    """Turn the logical clock back to a time that a person has written. Raises `BadInput` if it is not ahead of that time."""
    at = services.wall_clock() if text == NOW else _instant(text)
    now = from_microseconds((await read_stored(services.database)).now)
    if at >= now:
        raise BadInput(f"The logical clock is at {_written(now)}. Give an earlier time to turn it back to.")
    await go_back(services, at)


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise BadInput(f"--back-to takes a time with its zone such as 2027-01-31T12:00Z, or {NOW}, not {text}.")
    return at.astimezone(UTC)
