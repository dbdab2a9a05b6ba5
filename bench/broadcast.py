"""The bare broadcast that streams are compared with: the same server library, which only sends each message.

    python -m bench.broadcast PORT

Every WebSocket is greeted once. A POST sends its body to all of them, and is answered when that is done.
"""

import sys

import uvicorn
from starlette.types import Message, Receive, Scope, Send

GREETING: Message = {"type": "websocket.send", "text": "{}"}


class Broadcast:
    """An ASGI application that remembers who listens."""

    def __init__(self) -> None:
        self._listeners: set[Send] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep a WebSocket, or send to all of them."""
        if scope["type"] == "websocket":
            await self._listen(receive, send)
            return
        body = (await receive())["body"].decode()
        for tell in list(self._listeners):
            await tell({"type": "websocket.send", "text": body})
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    async def _listen(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        await send(GREETING)
        self._listeners.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        self._listeners.discard(send)


if __name__ == "__main__":
    uvicorn.run(
        Broadcast(),
        port=int(sys.argv[1]),
        loop="uvloop",
        ws="websockets-sansio",
        ws_ping_interval=None,
        ws_per_message_deflate=False,
        lifespan="off",
        access_log=False,
        log_level="error",
    )
