"""Python's gql against a real server: it reads the schema, checks operations against it, and runs them over HTTP and a WebSocket."""

import asyncio
from typing import Any

import pytest
from gql import Client, gql
from gql.client import AsyncClientSession
from gql.transport.httpx import HTTPXAsyncTransport
from gql.transport.websockets import WebsocketsTransport
from graphql import GraphQLError

from tests.support.http_client import web_client
from tests.support.processes import DEADLINE, Server

CREATE_TAG = "mutation ($name: String!) { createTag(input: {name: $name}) { tag { id } } }"
CREATE_CONTACT = "mutation ($tags: [TagRef!]) { createContact(input: {fields: {}, tags: $tags}) { contact { id } } }"
CREATE_GROUP = "mutation ($name: String!, $where: CriteriaInput!) { createGroup(input: {name: $name, criteria: $where}) { group { id } } }"
CONTACTS = "query ($after: String) { contacts(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } }"
CHANGES = "subscription ($id: ID!) { groupChanges(groupId: $id) { __typename ... on MembersChanged { joinedIds } } }"
CLIENT = {"name": "Client"}
CLIENTS = {"contacts": {"tags": {"containsAny": [CLIENT]}}}


@pytest.fixture
async def token(standing: Server) -> str:
    return await standing.new_token()


def over_http(server: Server, token: str) -> Client:
    transport = HTTPXAsyncTransport(url=server.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False, verify=False)
    return Client(transport=transport, fetch_schema_from_transport=True)


def over_socket(server: Server, token: str) -> Client:
    payload = {"Authorization": f"Bearer {token}"}
    transport = WebsocketsTransport(url=server.url.replace("http", "ws"), init_payload=payload, connect_args={"proxy": None})
    return Client(transport=transport, fetch_schema_from_transport=True)


async def run(session: AsyncClientSession, query: str, **variables: Any) -> dict[str, Any]:
    request = gql(query)
    request.variable_values = variables
    async with asyncio.timeout(DEADLINE):
        return dict(await session.execute(request))


@pytest.mark.parametrize("connect", [over_http, over_socket])
async def test_gql_reads_the_schema_writes_and_pages(standing: Server, token: str, connect: Any) -> None:
    async with connect(standing, token) as session:
        made = {(await run(session, CREATE_CONTACT))["createContact"]["contact"]["id"] for _ in range(5)}
        page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
        found = list[str]()
        while page["hasNextPage"]:
            contacts = (await run(session, CONTACTS, after=page["endCursor"]))["contacts"]
            found += [node["id"] for node in contacts["nodes"]]
            page = contacts["pageInfo"]
        assert (len(found), set(found)) == (5, made)
        with pytest.raises(GraphQLError, match="Cannot query field"):
            await run(session, "{ nothing }")


async def test_gql_is_told_of_members_who_join(standing: Server, token: str) -> None:
    async with over_http(standing, token) as writer, over_socket(standing, token) as watcher, asyncio.timeout(DEADLINE):
        await run(writer, CREATE_TAG, name="Client")
        group = (await run(writer, CREATE_GROUP, name="Clients", where=CLIENTS))["createGroup"]["group"]["id"]
        request = gql(CHANGES)
        request.variable_values = {"id": group}
        changes = watcher.subscribe(request)
        assert (await anext(changes))["groupChanges"]["__typename"] == "GroupHeartbeat"
        member = (await run(writer, CREATE_CONTACT, tags=[CLIENT]))["createContact"]["contact"]["id"]
        async for answer in changes:
            if answer["groupChanges"]["__typename"] == "MembersChanged":
                assert answer["groupChanges"]["joinedIds"] == [member]
                break
        await changes.aclose()


async def test_the_server_does_not_say_what_it_is_made_of(standing: Server, token: str) -> None:
    async with web_client() as client:
        for headers in ({}, {"Authorization": f"Bearer {token}"}):
            response = await client.post(standing.url, json={"query": "{ __typename }"}, headers=headers)
            assert "server" not in response.headers
            assert "x-powered-by" not in response.headers
