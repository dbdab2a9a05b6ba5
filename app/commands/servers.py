"""The serve command: everything that can fail is tried before the server starts, so that a failure is one sentence."""

import asyncio
import shlex
import signal
from contextlib import closing, suppress

import orjson

from app.demo.load import CONTACTS, load_demo
from app.demo.sign_in import demo_token, token_path
from app.running.serving import claim_port, serve, url_at
from app.services import open_services
from app.settings import Settings
from app.terminal import note, progress, say
from models import Account
from models.engine.locks import alone_on
from resolvers.operation.context import Services

QUERY = "{ groups { nodes { name criteriaText memberCount } } }"


def serve_until_stopped(settings: Settings, *, demo: bool) -> None:
    """Serve until a signal ends it, which is no failure; with `demo` there is data, and a token to see it with."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), closing(claim_port(settings)) as port:
        token = asyncio.run(_ready(settings, demo=demo))
        serve(settings, port, lambda: say(_greeting(url_at(port), token)))
    note("Stopped.")


async def _ready(settings: Settings, *, demo: bool) -> str | None:
    """Make sure that the database can be served; returns the demo's access token if it is wanted and there is a demo."""
    async with open_services(settings) as services:
        with alone_on(settings.database_url):
            if demo and not await Account.exists():
                await load_demo_visibly(services, CONTACTS)
            return await demo_token(services, token_path(settings.database_url)) if demo else None


async def load_demo_visibly(services: Services, contacts: int) -> None:
    """Load the demo with so many contacts, showing how far it is."""
    with progress() as bar:
        task = bar.add_task("Loading the demo", total=contacts)
        await load_demo(services, contacts, lambda done: bar.update(task, completed=done))


def _greeting(url: str, token: str | None) -> str:
    opening = f"Muster serves GraphQL at {url} until Ctrl-C."
    if token is None:
        return opening
    return f"""{opening}

Access token:  {token}

A query to paste:

  {QUERY}

The same with curl:

  {_curl(url, token)}
"""


def _curl(url: str, token: str) -> str:
    body = orjson.dumps({"query": QUERY}).decode()
    headers = (f"Authorization: Bearer {token}", "Content-Type: application/json")
    return shlex.join(["curl", "-s", url, *(part for header in headers for part in ("-H", header)), "-d", body])
