"""What becomes of open connections when a sign-in, a role or a permission changes: all of it within five seconds, at every process."""

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Any

import pytest

from models import Role
from tests.support.connections import CHANGED, SET_ROLE, connected, person
from tests.support.identity_provider import AUDIENCE, ISSUER, identity_provider, key_for, token
from tests.support.processes import DEADLINE, Server, muster, new_token, serving

IN_TIME = 5.0
BRIEF = 5  # seconds for which a sign-in is good that is to expire: long enough to connect with it
SLACK = 5.0  # for a machine that is busy with other things
FORBIDDEN = (4403, "Forbidden")

CREATE_GROUP = """
    mutation { createGroup(input: {name: "All", criteria: {contacts: {email: {isEmpty: true}}}}) { group { id } userErrors { message } } }
"""
CREATE_CONTACT = "mutation { createContact(input: {fields: {}}) { contact { id } } }"
REVOKE = "mutation ($id: ID!) { revokeAccessToken(id: $id) { deletedId } }"
CLOSE_GROUP = "mutation ($id: ID!) { updateGroup(input: {id: $id, permission: {view: {onlyOwner: true}}}) { userErrors { message } } }"
CHANGES = "subscription ($id: ID!) { groupChanges(groupId: $id) { __typename } }"
COUNTS = "subscription ($id: ID!) { groupCounts(groupIds: [$id]) { memberCount } }"
BELONGING = "subscription ($id: ID!) { contactGroupChanges(contactId: $id) { joined } }"


@pytest.fixture
def servers(standing: Server, standing_beside: Server) -> tuple[Server, Server]:
    """Where writers and where watchers are connected: the same process on SQLite, two on PostgreSQL."""
    return standing, standing_beside


def moment(seconds: float) -> str:
    """So many seconds from now, as clients write it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


async def test_a_connection_ends_when_its_sign_in_does_or_allows_something_else(servers: tuple[Server, Server]) -> None:
    writing, watching = servers
    owner = await writing.new_token()
    _, revoked_id, revoked = await person(writing, owner, Role.VIEWER)
    raised_id, _, raised = await person(writing, owner, Role.EDITOR)
    lowered_id, _, lowered = await person(writing, owner, Role.ADMIN)
    _, _, kept = await person(writing, owner, Role.VIEWER)
    async with AsyncExitStack() as open_:
        other, *peers = [await open_.enter_async_context(connected(watching, secret)) for secret in (kept, raised, lowered, revoked)]
        _, _, expiring = await person(writing, owner, Role.VIEWER, until=moment(BRIEF))
        peers.append(await open_.enter_async_context(connected(watching, expiring)))
        await writing.ask(owner, REVOKE, id=revoked_id)
        await writing.ask(owner, SET_ROLE, id=raised_id, role=Role.ADMIN)
        await writing.ask(owner, SET_ROLE, id=lowered_id, role=Role.VIEWER)
        async with asyncio.timeout(BRIEF + IN_TIME + SLACK):
            assert await asyncio.gather(*(peer.closed() for peer in peers)) == [CHANGED, CHANGED, FORBIDDEN, FORBIDDEN]
        await other.send(type="ping")
        assert await other.receive() == {"type": "pong"}


async def test_what_began_with_more_rights_ends_although_the_connection_went_on_with_fewer(
    servers: tuple[Server, Server],
) -> None:
    writing, watching = servers
    owner = await writing.new_token()
    group = (await writing.ask(owner, CREATE_GROUP))["createGroup"]["group"]["id"]
    user, _, secret = await person(writing, owner, Role.ADMIN)
    async with connected(watching, secret) as peer:
        await peer.subscribe("1", CHANGES, variables={"id": group})
        assert (await peer.receive())["type"] == "next"
        await writing.ask(owner, SET_ROLE, id=user, role=Role.VIEWER)
        await peer.subscribe("2", "{ viewer { role } }")
        async with asyncio.timeout(IN_TIME + SLACK):
            assert await peer.closed() == CHANGED


async def test_a_group_that_is_closed_to_a_watcher_ends_its_streams_and_nothing_else(servers: tuple[Server, Server]) -> None:
    writing, watching = servers
    owner = await writing.new_token()
    group = (await writing.ask(owner, CREATE_GROUP))["createGroup"]["group"]["id"]
    contact = (await writing.ask(owner, CREATE_CONTACT))["createContact"]["contact"]["id"]
    _, _, secret = await person(writing, owner, Role.ADMIN)
    async with connected(watching, secret) as peer:
        for key, query, id in (("changes", CHANGES, group), ("counts", COUNTS, group), ("contact", BELONGING, contact)):
            await peer.subscribe(key, query, variables={"id": id})
            told = await peer.receive()
            assert (told["type"], told["id"]) == ("next", key)
        await writing.ask(owner, CLOSE_GROUP, id=group)
        ended: dict[object, object] = {}
        async with asyncio.timeout(IN_TIME + SLACK):
            while len(ended) < 2:
                told = await peer.receive()
                if "FORBIDDEN" in str(told):
                    ended[told["id"]] = told["type"]
        assert set(ended) == {"changes", "counts"}
        await peer.subscribe("again", CHANGES, variables={"id": group})
        while (told := await peer.receive())["id"] != "again":
            pass
        assert "NOT_FOUND" in str(told)


async def test_a_connection_ends_with_the_jwt_that_it_runs_on(url: str) -> None:
    await new_token(url, "Acme")
    key = key_for("ES256")
    async with identity_provider(key) as known:
        async with serving(url, jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_keys_url=known.url) as server:
            said: dict[str, Any] = {"email": "ACME@example.com", "email_verified": True}
            expired, good = (token(key, "ES256", exp=int(time.time()) + seconds, **said) for seconds in (-1, 60))
            assert (await server.ask(good, "{ viewer { role } }"))["viewer"] == {"role": "OWNER"}
            assert (await server.answer(expired, "{ viewer { role } }"))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
            brief = token(key, "ES256", exp=int(time.time()) + BRIEF, **said)
            async with connected(server, good) as lasting, connected(server, brief) as peer, asyncio.timeout(BRIEF + IN_TIME + SLACK):
                assert await peer.closed() == FORBIDDEN
                await lasting.send(type="ping")
                assert await lasting.receive() == {"type": "pong"}
        assert known.asked == 1


async def test_a_token_from_the_command_line_is_for_what_it_says(standing: Server) -> None:
    url = standing.database_url
    await new_token(url, "Reader")
    async with asyncio.timeout(DEADLINE):
        secret = (await muster(url, "token", "create", "--user", "reader@example.com", "--scope", "read")).splitlines()[-1]
        assert (await standing.ask(secret, "{ viewer { scopes } }"))["viewer"] == {"scopes": ["READ"]}
        denied = await standing.answer(secret, CREATE_CONTACT)
    assert [error["extensions"]["code"] for error in denied["errors"]] == ["FORBIDDEN"]
