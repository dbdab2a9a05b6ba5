"""The HTTP client of the tests, which talk to this machine only."""

from collections.abc import Mapping

import httpx

DEADLINE = 30.0


def web_client(
    *, base_url: str = "", headers: Mapping[str, str] | None = None, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client that asks no proxy, and loads no certificates: that takes longer than most of the requests."""
    return httpx.AsyncClient(base_url=base_url, headers=headers, transport=transport, timeout=DEADLINE, trust_env=False, verify=False)
