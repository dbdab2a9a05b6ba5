"""Downloads the key document of an identity provider, bounded in time and size."""

import asyncio
import os
import ssl
from collections.abc import Awaitable, Callable
from functools import cache
from urllib.parse import urlsplit

import httpx
import orjson

from app.settings.forms import LOOPBACK

STEP_SECONDS = 5.0  # for each of: connecting, sending, receiving the next bytes
TOTAL_SECONDS = 10.0
MOST_BYTES = 2**20
# A compressed answer could become far larger than its bound when it is unpacked.
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}


class DownloadFailed(Exception):
    """The document could not be downloaded. The message gives the reason."""


def downloads(url: str) -> Callable[[], Awaitable[object]]:
    """Return a function that downloads and parses the JSON document at this URL.

    It trusts the certificates of the operating system and uses the proxy of the environment, except for this machine. It
    follows no redirects, which could lead away from HTTPS. It raises `DownloadFailed`.
    """
    certificates = _certificates()
    is_local = urlsplit(url).hostname in LOOPBACK

    async def fetch() -> object:
        client = httpx.AsyncClient(verify=certificates, trust_env=not is_local, timeout=STEP_SECONDS, headers=HEADERS)
        try:
            async with asyncio.timeout(TOTAL_SECONDS), client:
                return orjson.loads(await _body(client, url))
        except orjson.JSONDecodeError as error:
            raise DownloadFailed("its answer is not JSON") from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise DownloadFailed("it did not answer in time") from error
        except httpx.RemoteProtocolError as error:
            raise DownloadFailed("its answer is not HTTP") from error
        except httpx.HTTPError as error:
            raise DownloadFailed(_cause(error)) from error

    return fetch


@cache
def _certificates() -> ssl.SSLContext:
    """The certificates of the operating system, which take long to read."""
    return ssl.create_default_context()


async def _body(client: httpx.AsyncClient, url: str) -> bytes:
    body = bytearray()
    async with client.stream("GET", url) as response:
        if not response.is_success:
            raise DownloadFailed(f"its answer has the status {response.status_code}")
        async for part in response.aiter_raw():
            body += part
            if len(body) > MOST_BYTES:
                raise DownloadFailed(f"its answer is longer than {MOST_BYTES:,} bytes")
    return bytes(body)


def _cause(error: BaseException) -> str:
    """Return the reason of the innermost error, because the outer ones only say that connecting failed."""
    found = error
    while inner := found.exceptions[0] if isinstance(found, BaseExceptionGroup) else found.__cause__ or found.__context__:
        found = inner
    if isinstance(found, OSError) and not isinstance(found, ssl.SSLError) and found.errno and found.errno > 0:
        return os.strerror(found.errno)  # asyncio gives an address instead
    return getattr(found, "strerror", None) or str(found) or type(found).__name__
