"""Reads the state of the deployment from the database."""

from collections.abc import Mapping
from typing import NamedTuple

from models.fields import to_microseconds
from resolvers.membership.clock import ClockReading, read_stored
from resolvers.operation.context import Services

BULK = """
    SELECT state, count(*) AS actions, coalesce(sum(processed), 0) AS done, coalesce(sum(total), 0) AS total
    FROM bulk_actions GROUP BY state
"""
ACTIVE = ("QUEUED", "RUNNING")


class Readings(NamedTuple):
    """The lags of the logical clock and of deletion in seconds, and the progress of bulk actions."""

    clock_lag: float
    deletion_lag: float
    bulk_states: Mapping[str, int]
    bulk_done: int
    bulk_left: int


async def clock_lag(services: Services) -> float:
    """Return how many seconds the logical clock is behind this machine's clock. It is negative if the logical clock is ahead."""
    return _lag(services, await read_stored(services.database))


def _lag(services: Services, stored: ClockReading) -> float:
    return (to_microseconds(services.wall_clock()) - stored.settled) / 1e6


async def read(services: Services) -> Readings:
    """Read the state from the database."""
    rows = await services.database.rows(BULK)
    stored = await read_stored(services.database)
    active = [row for row in rows if row["state"] in ACTIVE]
    done, total = (sum(int(row[name]) for row in active) for name in ("done", "total"))
    return Readings(
        _lag(services, stored),
        (stored.now - stored.confirmed) / 1e6,
        {row["state"]: row["actions"] for row in rows},
        done,
        max(total - done, 0),
    )
