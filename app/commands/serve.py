"""The command `muster serve`, which tries everything that can fail before the server starts, so that a failure is one sentence."""

import asyncio
import shlex
import signal
from contextlib import closing, suppress
from typing import Annotated

import orjson
import typer

from app.commands.demo import load_demo_visibly
from app.commands.runner import configured, require_database
from app.commands.terminal import note, say
from app.demo.load import CONTACTS
from app.demo.sign_in import demo_token, token_path
from app.running import serving
from app.running.services import open_services
from app.running.serving import claim_port, url_at
from app.settings import Settings
from models import Account
from models.engine.locks import alone_on

QUERY = "{ groups { nodes { name criteriaText memberCount } } }"


def serve(
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(metavar="N", help="Port to listen on. 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(metavar="N", help="Number of server processes. More than one needs PostgreSQL.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Load demo data if there is no account yet, and print a token for it.")] = False,
) -> None:
    """Serve GraphQL until Ctrl-C.

    HTTP requests, WebSockets and event streams are answered at the same path, /graphql.
    """
    settings = configured(host=host, port=port, workers=workers)
    require_database(settings)
    serve_until_stopped(settings, demo=demo)


def serve_until_stopped(settings: Settings, *, demo: bool) -> None:
    """Serve until a signal stops the server, with demo data and a token for it if `demo` is set."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt), closing(claim_port(settings)) as port:
        token = asyncio.run(_prepare(settings, demo=demo))
        serving.serve(settings, port, lambda: say(_greeting(url_at(port), token)))
    note("Stopped.")


async def _prepare(settings: Settings, *, demo: bool) -> str | None:
    """Check that the database can be served, load the demo if asked to, and return its token."""
    async with open_services(settings) as services:
        with alone_on(settings.database_url):
            if demo and not await Account.exists():
                await load_demo_visibly(services, CONTACTS)
            return await demo_token(services, token_path(settings.database_url)) if demo else None


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
