"""What the database says about the deployment as a whole."""

from collections.abc import Mapping
from typing import NamedTuple

from models.fields import to_microseconds
from resolvers.membership.clock import read_span
from resolvers.operation.context import Services

BULK = """
    SELECT state, count(*) AS actions, coalesce(sum(processed), 0) AS done, coalesce(sum(total), 0) AS total
    FROM bulk_actions GROUP BY state
"""
ACTIVE = ("QUEUED", "RUNNING")


class Readings(NamedTuple):
    """How far time has been let pass, in seconds behind this machine's, and how bulk actions stand."""

    clock_lag: float
    bulk_states: Mapping[str, int]
    bulk_done: int
    bulk_left: int


async def clock_lag(services: Services) -> float:
    """How many seconds settled membership is behind this machine's time."""
    settled, _ = await read_span(services.database)
    return (to_microseconds(services.wall_clock()) - settled) / 1e6


async def read(services: Services) -> Readings:
    """Ask the database."""
    rows = await services.database.rows(BULK)
    active = [row for row in rows if row["state"] in ACTIVE]
    done, total = (sum(int(row[name]) for row in active) for name in ("done", "total"))
    return Readings(await clock_lag(services), {row["state"]: row["actions"] for row in rows}, done, max(total - done, 0))
