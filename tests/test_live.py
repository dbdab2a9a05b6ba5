"""Both worked examples, over real sockets to real server processes: nothing is missed, whatever happens to the connection."""

import asyncio
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from gql import GraphQLRequest
from gql.client import AsyncClientSession

from tests.support.processes import DEADLINE, Server, new_token, serving

CREATE_TAG = "mutation ($name: String!) { createTag(input: {name: $name}) { tag { id } userErrors { message } } }"
CREATE_CONTACT = """
    mutation ($fields: ContactFields!, $tags: [TagRef!]) {
        createContact(input: {fields: $fields, tags: $tags}) { contact { id } userErrors { message path } }
    }
"""
UPDATE_CONTACT = """
    mutation ($id: ID!, $fields: ContactFields!) { updateContact(input: {id: $id, fields: $fields}) { userErrors { message } } }
"""
TAG = """
    mutation ($contact: ID!, $tag: String!) {
        addTags(input: {contactIds: [$contact], tags: [{name: $tag}]}) { changed userErrors { message } }
    }
"""
UNTAG = TAG.replace("addTags", "removeTags")
CREATE_GROUP = """
    mutation ($name: String!, $criteria: CriteriaInput!) {
        createGroup(input: {name: $name, criteria: $criteria}) {
            group { id criteriaText memberCount cursor } userErrors { code message path }
        }
    }
"""
CREATE_APPOINTMENT = """
    mutation ($input: CreateAppointmentInput!) { createAppointment(input: $input) { appointment { id } userErrors { message } } }
"""
WATCH = """
    subscription ($group: ID!, $after: String) {
        groupChanges(groupId: $group, after: $after) {
            __typename
            ... on MembersChanged { cursor fromVersion toVersion memberCount joinedIds leftIds cause joined { id } }
            ... on GroupReset { cursor memberCount reason }
            ... on GroupDefinitionChanged { cursor }
            ... on GroupHeartbeat { cursor version memberCount }
        }
    }
"""
CLIENTS = {"contacts": {"all": [{"country": {"equals": ["Canada", "Mexico"]}}, {"tags": {"containsAny": [{"name": "Client"}]}}]}}
UPCOMING: dict[str, Any] = {"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}}


async def watch(session: AsyncClientSession, group: str, after: str | None = None) -> AsyncIterator[dict[str, Any]]:
    """The messages of a watched group, each within the deadline."""
    stream = session.subscribe(GraphQLRequest(WATCH, variable_values={"group": group, "after": after}))
    while True:
        async with asyncio.timeout(DEADLINE):
            message = await anext(stream)
        yield message["groupChanges"]


async def create_group(server: Server, token: str, name: str, criteria: dict[str, Any]) -> dict[str, Any]:
    payload = (await server.ask(token, CREATE_GROUP, name=name, criteria=criteria))["createGroup"]
    assert payload["userErrors"] == []
    group: dict[str, Any] = payload["group"]
    return group


async def create_contact(server: Server, token: str, *tags: str, **fields: Any) -> str:
    payload = await server.ask(token, CREATE_CONTACT, fields=fields, tags=[{"name": tag} for tag in tags])
    assert payload["createContact"]["userErrors"] == []
    contact: str = payload["createContact"]["contact"]["id"]
    return contact


async def test_a_watcher_sees_clients_in_canada_or_mexico_join_and_leave(standing: Server) -> None:
    token = await standing.new_token()
    await standing.ask(token, CREATE_TAG, name="Client")
    group = await create_group(standing, token, "Clients in Canada or Mexico", CLIENTS)
    assert group["criteriaText"] == "Country is Canada or Mexico, and tags contain Client"
    contact = await create_contact(standing, token, email="ana@example.com", country="canada")
    async with standing.session(token) as session:
        messages = watch(session, group["id"])
        assert (await anext(messages))["__typename"] == "GroupHeartbeat"

        await standing.ask(token, TAG, contact=contact, tag="client")
        joined = await anext(messages)
        assert (joined["joinedIds"], joined["leftIds"], joined["memberCount"]) == ([contact], [], 1)
        assert (joined["fromVersion"], joined["toVersion"], joined["cause"]) == (0, 1, "TAGS_CHANGED")
        assert joined["joined"] == [{"id": contact}]

        await standing.ask(token, UPDATE_CONTACT, id=contact, fields={"country": "France"})
        left = await anext(messages)
        assert (left["joinedIds"], left["leftIds"], left["memberCount"], left["cause"]) == ([], [contact], 0, "RECORD_CHANGED")

        await standing.ask(token, UPDATE_CONTACT, id=contact, fields={"country": "MEXICO"})
        assert (await anext(messages))["joinedIds"] == [contact]
        await standing.ask(token, UNTAG, contact=contact, tag="Client")
        assert (await anext(messages))["leftIds"] == [contact]


async def test_an_appointment_leaves_the_moment_it_begins(standing: Server) -> None:
    token = await standing.new_token()
    contact = await create_contact(standing, token, email="ana@example.com")
    group = await create_group(standing, token, "Upcoming", UPCOMING)
    async with standing.session(token) as session:
        messages = watch(session, group["id"], group["cursor"])
        starts_at = datetime.now(UTC) + timedelta(seconds=2)
        given = {"contactId": contact, "title": "Call", "startsAt": starts_at.isoformat()}
        appointment = (await standing.ask(token, CREATE_APPOINTMENT, input=given))["createAppointment"]["appointment"]["id"]
        joined, left = await anext(messages), await anext(messages)
        assert (joined["joinedIds"], joined["cause"]) == ([appointment], "RECORD_CREATED")
        assert (left["leftIds"], left["cause"]) == ([appointment], "TIME_PASSED")
        assert starts_at <= datetime.now(UTC)


async def test_a_client_that_was_away_resumes_where_it_left(standing: Server) -> None:
    token = await standing.new_token()
    await standing.ask(token, CREATE_TAG, name="Client")
    group = await create_group(standing, token, "Clients", CLIENTS)
    contacts = [await create_contact(standing, token, email=f"{n}@example.com", country="Mexico") for n in range(3)]
    async with standing.session(token) as session:
        messages = watch(session, group["id"])
        cursor = (await anext(messages))["cursor"]
    for contact in contacts:
        await standing.ask(token, TAG, contact=contact, tag="Client")
    async with standing.session(token) as session:
        messages = watch(session, group["id"], cursor)
        missed = [await anext(messages) for _ in contacts]
        assert [message["joinedIds"] for message in missed] == [[contact] for contact in contacts]
        assert [message["toVersion"] for message in missed] == [1, 2, 3]


@pytest.mark.only("postgresql")  # on SQLite, test_live_clients kills the server and resumes
async def test_a_client_resumes_after_the_server_was_killed(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url) as first:
        await first.ask(token, CREATE_TAG, name="Client")
        group = await create_group(first, token, "Clients", CLIENTS)
        await create_contact(first, token, "Client", email="ana@example.com", country="Canada")
        await first.stop(signal.SIGKILL)
    async with serving(url) as second, second.session(token) as session:
        messages = watch(session, group["id"], group["cursor"])
        assert (await anext(messages))["memberCount"] == 1


async def test_a_cursor_of_another_group_is_answered_with_a_reset(standing: Server) -> None:
    token = await standing.new_token()
    await standing.ask(token, CREATE_TAG, name="Client")
    one = await create_group(standing, token, "One", CLIENTS)
    other = await create_group(standing, token, "Other", CLIENTS)
    async with standing.session(token) as session:
        reset = await anext(watch(session, one["id"], other["cursor"]))
        assert (reset["__typename"], reset["reason"]) == ("GroupReset", "CURSOR_UNKNOWN")


async def test_a_quiet_group_sends_heartbeats(url: str) -> None:
    token = await new_token(url, "Acme")
    async with serving(url, heartbeat_seconds="0.05") as server:
        await server.ask(token, CREATE_TAG, name="Client")
        group = await create_group(server, token, "Clients", CLIENTS)
        async with server.session(token) as session:
            messages = watch(session, group["id"], group["cursor"])
            for _ in range(3):
                heartbeat = await anext(messages)
                assert heartbeat == {"__typename": "GroupHeartbeat", "cursor": group["cursor"], "version": 0, "memberCount": 0}


@pytest.mark.only("postgresql")
async def test_watchers_of_one_process_hear_what_another_process_writes(standing: Server) -> None:
    token = await standing.new_token()
    async with serving(standing.database_url) as other:
        await other.ask(token, CREATE_TAG, name="Client")
        group = await create_group(standing, token, "Clients", CLIENTS)
        async with standing.session(token) as session:
            messages = watch(session, group["id"], group["cursor"])
            contacts = [await create_contact(other, token, "Client", email=f"{n}@example.com", country="Mexico") for n in range(5)]
            told = [await anext(messages) for _ in contacts]
            assert [message["joinedIds"] for message in told] == [[contact] for contact in contacts]
            await other.stop(signal.SIGKILL)
            await standing.ask(token, UNTAG, contact=contacts[0], tag="Client")
            assert (await anext(messages))["leftIds"] == [contacts[0]]
