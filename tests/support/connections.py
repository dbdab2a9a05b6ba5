"""Users of a server process with tokens, and WebSockets that are signed in with them."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from models import Role
from tests.support.processes import Server
from tests.support.transport_server import PROTOCOL, Peer

CHANGED = (1012, "What your sign-in allows has changed")
CREATE_USER = 'mutation ($email: String!, $role: Role!) { createUser(input: {name: "x", email: $email, role: $role}) { user { id } } }'
CREATE_TOKEN = """
    mutation ($user: ID!, $until: DateTime) {
        createAccessToken(input: {name: "x", userId: $user, expiresAt: $until}) { accessToken { id } secret userErrors { message } }
    }
"""
SET_ROLE = "mutation ($id: ID!, $role: Role!) { updateUser(id: $id, role: $role) { user { role } userErrors { message } } }"


@asynccontextmanager
async def connected(server: Server, secret: str) -> AsyncIterator[Peer]:
    """A WebSocket that has signed in."""
    address = server.url.replace("http", "ws")
    async with connect(address, subprotocols=[Subprotocol(PROTOCOL)], close_timeout=0.1, proxy=None) as socket:
        yield await Peer(socket).sign_in(f"Bearer {secret}")


async def person(server: Server, owner: str, role: Role, until: str | None = None) -> tuple[str, str, str]:
    """A new user with a token: the user's id, the token's id and its secret."""
    address = f"{time.monotonic_ns()}@example.com"
    user = (await server.ask(owner, CREATE_USER, email=address, role=role))["createUser"]["user"]["id"]
    made = (await server.ask(owner, CREATE_TOKEN, user=user, until=until))["createAccessToken"]
    return user, made["accessToken"]["id"], made["secret"]
