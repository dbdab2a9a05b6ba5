"""Servers are killed at random moments. Nothing that was acknowledged is lost, and every group and every watcher is right.

`make torture` does it for long. The seed of a run is logged. MUSTER_TORTURE_SEED draws the same delays and writes again.
"""

import os
import random

import pytest

from tests.support.processes import new_token
from tests.torture.casts import Cast, bulk, single_writes
from tests.torture.experiment import PROGRESS, Plan, prepared

FEW = 3
SERVERS = {"sqlite": 1, "postgresql": 2}


@pytest.mark.parametrize("cast", [single_writes, bulk])
async def test_nothing_is_lost_and_nothing_is_wrong_after_kills(
    cast: Cast, url: str, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(PROGRESS)
    kills = int(os.environ.get("MUSTER_TORTURE_KILLS", FEW))
    seed = int(os.environ.get("MUSTER_TORTURE_SEED", random.randrange(2**32)))
    restarts = engine == "postgresql" and kills > FEW and "MUSTER_TEST_POSTGRESQL" not in os.environ
    plan = Plan(kills, SERVERS[engine], seed, restarts=restarts)
    async with prepared(url, await new_token(url, "Acme"), plan, cast) as experiment:
        await experiment.run()
