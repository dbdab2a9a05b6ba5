"""A server is sent operations as large as its limits allow. Its event loop never stands still, so others are answered meanwhile.

`make hostile` does it for long. In other runs a few operations show that the experiment works, and `test_event_loop.py` counts.
"""

import asyncio
import logging
import os
import time
from pathlib import Path

import pytest

from tests.hostile.experiment import PROGRESS, Report, fuzz, prepared

BOUND = 0.1  # seconds of work without a pause, in the worst case
FEW = 6  # operations


async def test_the_event_loop_never_stands_still(url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(PROGRESS)
    minutes = float(os.environ.get("MUSTER_HOSTILE_MINUTES", "0"))
    async with prepared(url, tmp_path / "stalls") as target:
        report = Report(target.stalls)
        pinging = asyncio.create_task(report.ping(target.server.port))
        await asyncio.to_thread(fuzz, target, report, time.monotonic() + minutes * 60, FEW)
        pinging.cancel()
    logging.getLogger("hostile").log(PROGRESS, "%s", report)
    assert report.operations >= FEW
    if minutes:
        assert report.longest() < BOUND, report
