"""Fetching a JSON document from the identity provider without keeping anybody else waiting."""

import asyncio
from collections.abc import Awaitable, Callable
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener

import orjson
from typing_extensions import override

from app.settings import LOOPBACK

PATIENCE_SECONDS = 5.0
MOST_BYTES = 2**20


class _NoRedirects(HTTPRedirectHandler):
    """Takes nothing from anywhere but where the operator said; it could lead away from HTTPS."""

    @override
    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        """Follow nothing, which makes the redirection an error."""


def downloads(url: str) -> Callable[[], Awaitable[object]]:
    """What fetches the document at this URL; it raises `OSError` or `ValueError` if there is none."""
    opener = _opener(url)

    async def fetch() -> object:
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            return await asyncio.to_thread(_download, opener, url)

    return fetch


def _opener(url: str) -> OpenerDirector:
    is_here = urlsplit(url).hostname in LOOPBACK
    return build_opener(_NoRedirects, ProxyHandler({} if is_here else None))


def _download(opener: OpenerDirector, url: str) -> object:
    try:
        with opener.open(Request(url, headers={"Accept": "application/json"}), timeout=PATIENCE_SECONDS) as response:  # noqa: S310  # see settings
            text = response.read(MOST_BYTES + 1)
    except HTTPException as error:
        raise ValueError("its answer is not HTTP") from error
    if len(text) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES} bytes")
    return orjson.loads(text)
