"""What a server process is started with: a port whose connections do not outlive a dead network, and logs that keep secrets."""

import asyncio
import socket
import sys
from contextlib import closing

import orjson
import pytest

from app.running.serving import claim_port
from app.settings import Settings
from tests.support.processes import DEADLINE

FAIL = """
import structlog
from app.telemetry.logs import configure_logging
from app.settings import Settings

configure_logging(Settings(log_format={form!r}))
password = "open sesame"
try:
    password.index("x")
except ValueError:
    structlog.get_logger().exception("failed")
"""


@pytest.mark.parametrize("form", ["console", "json"])
async def test_a_logged_traceback_tells_where_but_no_values(form: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", FAIL.format(form=form), stderr=asyncio.subprocess.PIPE)
    async with asyncio.timeout(DEADLINE):
        _, errors = await process.communicate()
    assert b"substring not found" in errors
    assert b"open sesame" not in errors
    if form == "json":
        (failed,) = orjson.loads(errors)["exception"]
        assert [frame["lineno"] for frame in failed["frames"]] == [9]


def test_connections_end_when_nothing_sent_is_acknowledged_for_the_send_deadline() -> None:
    with closing(claim_port(Settings(port=0, send_deadline_seconds=7))) as port:
        port.listen()
        with socket.create_connection(port.getsockname()):
            accepted, _ = port.accept()
            with accepted:
                known = getattr(socket, "TCP_USER_TIMEOUT", None)  # to Linux
                assert known is None or accepted.getsockopt(socket.IPPROTO_TCP, known) == 7000
