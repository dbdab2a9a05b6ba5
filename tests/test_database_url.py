"""The URL of a PostgreSQL server: the driver reads it, and each option in it is honoured or refused."""

from collections.abc import AsyncIterator

import pytest

from models.engine.database import open_database
from models.engine.leadership import Leadership
from models.errors import DatabaseUnreachable
from subscriptions.bus.postgres import postgres_bus
from tests.support.bus import Tunnel
from tests.support.postgresql_url import ServerAddress, server_address

pytestmark = pytest.mark.only("postgresql")

REFUSED = {
    "sslmode=require": "SSL",  # the server of the tests has no certificate
    "sslmode=verify-full": "root certificate",
    "sslmode=encrypted": "`sslmode` parameter must be one of",
    "channel_binding=require": 'unrecognized configuration parameter "channel_binding"',
    "sslmode": "sslmode",
}


@pytest.fixture
def address(url: str) -> ServerAddress:
    return server_address(url)


@pytest.fixture
async def port(address: ServerAddress) -> AsyncIterator[int]:
    """A TCP port at which the server is reached: over a Unix socket there is no TLS."""
    socket = f"{address.host}/.s.PGSQL.{address.port}"
    async with Tunnel(socket if address.host.startswith("/") else address.port).open() as port:
        yield port


@pytest.mark.parametrize("option", REFUSED)
async def test_an_option_that_cannot_be_honoured_is_refused_by_its_name(address: ServerAddress, port: int, option: str) -> None:
    with pytest.raises(DatabaseUnreachable, match=REFUSED[option]):
        async with open_database(f"{address.through(port)}?{option}"):
            pass


async def test_who_leads_is_asked_with_the_same_options(address: ServerAddress, port: int) -> None:
    assert not await Leadership(f"{address.through(port)}?sslmode=require").held()
    leadership = Leadership(f"{address.through(port)}?sslmode=disable")
    assert await leadership.held()
    await leadership.resign()


async def test_the_bus_connects_with_the_same_options(address: ServerAddress, port: int) -> None:
    with pytest.raises(Exception, match="SSL"):
        async with postgres_bus(f"{address.through(port)}?sslmode=require")(lambda _: None):
            pass
    async with postgres_bus(f"{address.through(port)}?sslmode=disable")(lambda _: None):
        pass


async def test_of_several_hosts_the_first_that_answers_is_used(address: ServerAddress, port: int) -> None:
    url = f"postgresql://{address.credentials}@127.0.0.1:1,127.0.0.1:{port}/{address.database}"
    async with open_database(url) as database:
        assert await database.row("SELECT current_database() AS name") == {"name": address.database}


async def test_a_parameter_of_the_session_reaches_the_server(address: ServerAddress, port: int) -> None:
    async with open_database(f"{address.through(port)}?work_mem=7MB") as database:
        assert await database.row("SELECT current_setting('work_mem') AS set") == {"set": "7MB"}
        assert await database.row("SELECT current_setting('application_name') AS set") == {"set": "muster"}


async def test_a_port_that_is_no_number_is_refused(address: ServerAddress) -> None:
    with pytest.raises(DatabaseUnreachable, match="Check MUSTER_DATABASE_URL"):
        async with open_database(f"postgresql://{address.credentials}@127.0.0.1:x/{address.database}"):
            pass
