"""Real server processes, and the accounts that tests talk to them with."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from gql import Client
from gql.client import AsyncClientSession
from gql.transport.websockets import WebsocketsTransport

from app.commands.verify import verify_accounts
from app.composition import PRODUCT, Composition
from app.provisioning.accounts import NewAccount, create_account
from app.provisioning.tokens import create_token
from app.running.services import open_services
from app.settings import Settings
from tests.support.http_client import web_client
from tests.support.programs import MUSTER, ROOT, Program, start

DEADLINE = 30.0

_numbers = count(1)


def environment(url: str, **settings: str) -> dict[str, str]:
    """The environment of a `muster` program that works on this database, and listens at a free port unless one is given."""
    given = {"port": "0", "database_url": url, **settings}
    return os.environ | {"PYTHONPATH": str(ROOT)} | {f"MUSTER_{name.upper()}": value for name, value in given.items()}


async def muster(url: str, *arguments: str) -> str:
    """Run a `muster` command that must succeed, and return what it prints on standard output."""
    process = await start(*arguments, environment=environment(url))
    async with asyncio.timeout(DEADLINE):
        output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return output.decode()


async def new_token(url: str, name: str) -> str:
    """Create an account in this process, and return its owner's access token."""
    async with open_services(Settings(database_url=url)) as services:
        return await create_token(await create_account(services, NewAccount(name, f"{name.lower()}@example.com")), "Tests")


async def verify(url: str, composition: Composition = PRODUCT) -> None:
    """Check in this process that members, log and criteria of every group agree."""
    async with open_services(Settings(database_url=url), composition=composition) as services:
        assert not (await verify_accounts(services, None, heal=False)).found


@dataclass
class Server:
    """A running `muster serve`."""

    port: int
    process: Program
    database_url: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/graphql"

    async def new_token(self) -> str:
        """The access token of a new account's owner. Nothing in the account is anybody else's."""
        return await new_token(self.database_url, f"Account{next(_numbers)}")

    async def ask(self, token: str, query: str, **variables: Any) -> dict[str, Any]:
        """The data of an operation over HTTP, which must have no errors."""
        answer = await self.answer(token, query, **variables)
        assert "errors" not in answer, answer
        data: dict[str, Any] = answer["data"]
        return data

    async def answer(self, token: str, query: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to an operation over HTTP."""
        async with web_client(headers={"Authorization": f"Bearer {token}"}) as client:
            response = await client.post(self.url, json={"query": query, "variables": variables})
        answer: dict[str, Any] = response.json()
        return answer

    @asynccontextmanager
    async def session(self, token: str) -> AsyncIterator[AsyncClientSession]:
        """A WebSocket of the reference Python client."""
        transport = WebsocketsTransport(
            url=self.url.replace("http", "ws"),
            init_payload={"Authorization": f"Bearer {token}"},
            subprotocols=[WebsocketsTransport.GRAPHQLWS_SUBPROTOCOL],
            close_timeout=0.2,  # for subscriptions that a test leaves open
        )
        async with Client(transport=transport, execute_timeout=DEADLINE) as session:
            yield session
        transport.close_timeout = DEADLINE
        await transport.wait_closed()  # which the client has waited for only as long as for subscriptions

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process and return its exit code."""
        if self.process.returncode is None:
            self.process.send_signal(how)
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()


@asynccontextmanager
async def serving(
    url: str, *, port: int = 0, variables: Mapping[str, str] | None = None, program: str = MUSTER, **settings: str
) -> AsyncIterator[Server]:
    """A server process on this database, ready to answer. `variables` are added to its environment as they stand.

    `program` is the module of another one than `muster serve`.
    """
    given = environment(url, **{"port": str(port), **settings}) | dict(variables or {})
    process = await start("serve", environment=given, piped=["stdout"], module=program)
    server = Server(port, process, url)
    try:
        async with asyncio.timeout(DEADLINE):
            server.port = await _announced_port(process)
        yield server
    finally:
        await server.stop(signal.SIGKILL)


async def _announced_port(process: Program) -> int:
    while line := (await process.stdout.readline()).decode():
        for word in line.split():
            if word.endswith("/graphql") and (port := urlsplit(word).port):
                return port
    raise AssertionError("the server ended before it answered")
