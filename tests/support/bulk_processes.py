"""Bulk actions on a server process: contacts, a group that the action fills, and the end of its progress."""

import asyncio
from typing import Any

from gql import GraphQLRequest

from tests.support.processes import DEADLINE, Server

CONTACTS = 1_500
IMPORT = "mutation ($rows: [UpsertContactInput!]!) { importContacts(input: {rows: $rows}) { created userErrors { message } } }"
START = """
mutation {
  startBulkAction(input: {
    target: {where: {source: {isEmpty: false}}}
    change: {tags: {add: [{name: "VIP"}], createMissing: true}}
  }) { bulkAction { id } userErrors { message } }
}
"""
CREATE_GROUP = """
mutation {
  createGroup(input: {name: "VIPs", criteria: {contacts: {tags: {containsAny: [{name: "VIP"}]}}}}) { group { id } userErrors { message } }
}
"""
CREATE_TAG = 'mutation { createTag(input: {name: "VIP"}) { userErrors { message } } }'
WATCH = "subscription ($id: ID!) { bulkActionProgress(id: $id) { state total processed changed error } }"


async def prepare(server: Server, token: str) -> str:
    """Contacts, and a group that the action fills. Returns the group's id."""
    for first in range(0, CONTACTS, 500):
        rows = [{"fields": {"source": f"c{number}"}} for number in range(first, first + 500)]
        assert (await server.ask(token, IMPORT, rows=rows))["importContacts"]["userErrors"] == []
    await server.ask(token, CREATE_TAG)
    group: str = (await server.ask(token, CREATE_GROUP))["createGroup"]["group"]["id"]
    return group


async def outcome(server: Server, token: str, action: str) -> dict[str, Any]:
    """The last message of the action's progress."""
    async with asyncio.timeout(DEADLINE), server.session(token) as session:
        stream = session.subscribe(GraphQLRequest(WATCH, variable_values={"id": action}))
        *_, last = [message["bulkActionProgress"] async for message in stream]
    found: dict[str, Any] = last
    return found
