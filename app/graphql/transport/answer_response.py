"""Sends an answer over HTTP in parts, as fast as its client reads, and holds its bytes until then."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app.graphql.execution.answer_budgets import Holding
from app.graphql.transport.events import hang_up

PART = 2**16  # bytes, which one call of compression takes about a millisecond for


class AnswerResponse:
    """An ASGI response with a body that is held until it is sent. A client that takes longer than `seconds` is hung up on."""

    def __init__(self, response: Response, holding: Holding, seconds: float) -> None:
        self._response = response
        self._holding = holding
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response."""
        with closing(self._holding):
            self._holding.wait_to_be_read(len(self._response.body))
            try:
                async with asyncio.timeout(self._seconds):
                    await self._send(send)
            except TimeoutError:
                await hang_up(scope, receive)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self._response.status_code, "headers": self._response.raw_headers})
        for part, is_last in _parts(bytes(self._response.body)):
            await send({"type": "http.response.body", "body": part, "more_body": not is_last})
            if not is_last:
                await asyncio.sleep(0)  # others go on while a large answer is compressed


def _parts(body: bytes) -> Iterator[tuple[bytes, bool]]:
    """The parts of a body, and whether each is the last. An empty body has one."""
    for start in range(0, max(1, len(body)), PART):
        yield body[start : start + PART], start + PART >= len(body)
