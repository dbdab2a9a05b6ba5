"""Checks what a server needs besides its database: the bus and the port."""

import asyncio
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from app.doctor.finding import Finding, failed, passed, warned
from app.health.probes import IS_READY, NOT_READY, READY
from app.running.serving import PortTaken, claim_port
from app.settings import PREFIX, Settings
from models.engine.database import Database
from models.errors import Unavailable
from subscriptions.bus.encoding import encode_everything
from subscriptions.bus.postgres import postgres_bus
from subscriptions.bus.redis import channel_of, redis_bus
from subscriptions.bus.remote import Connect

ANSWER_SECONDS = 5.0
SENDER = "doctor"


async def examine_bus(database: Database, settings: Settings) -> Finding:
    """Check that a message sent on the bus is received."""
    if settings.bus_url:
        host = urlsplit(settings.bus_url).hostname or "its socket"
        return await _echoed(redis_bus(settings.bus_url, await channel_of(database)), f"Redis or Valkey at {host}")
    if database.engine == "sqlite":
        return passed("bus", "One process needs none.")
    return await _echoed(postgres_bus(settings.database_url), "PostgreSQL")


async def _echoed(connect: Connect, carrier: str) -> Finding:
    echo = asyncio.Event()
    try:
        async with asyncio.timeout(ANSWER_SECONDS), connect(lambda _: echo.set()) as connection:
            listening = asyncio.create_task(connection.receive())
            try:
                await connection.send(encode_everything(SENDER))
                await echo.wait()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)
    # Any error of any driver is a finding: changes then reach other processes with a delay.
    except Exception as error:
        reason = str(error) or "no answer in time"
        return failed("bus", f"{carrier} carries no hints: {reason}. Check {PREFIX}BUS_URL, and that no pooler is in between.")
    return passed("bus", f"{carrier} carries hints.")


async def examine_port(settings: Settings) -> Finding:
    """Check that the port is free, or that a ready server answers there."""
    try:
        claim_port(settings).close()
    except PortTaken:
        return await asyncio.to_thread(_answering, settings)
    except Unavailable as error:
        return failed("port", error.message)
    return passed("port", f"Port {settings.port} of {settings.host} is free.")


def _answering(settings: Settings) -> Finding:
    with closing(HTTPConnection(settings.host, settings.port, timeout=ANSWER_SECONDS)) as connection:
        try:
            connection.request("GET", READY)
            status = connection.getresponse().status
        except (OSError, HTTPException):
            status = 0
    place = f"Port {settings.port} of {settings.host}"
    if status == IS_READY:
        return passed("port", f"{place} is answered by a server that is ready.")
    if status == NOT_READY:
        return failed("port", f"{place} is answered by a server that is not ready: its {READY} says why.")
    return warned("port", f"{place} is taken by another program: stop it, or choose another port with {PREFIX}PORT.")
