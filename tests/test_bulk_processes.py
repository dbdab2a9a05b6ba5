"""Bulk actions in real server processes: one that is killed at work leaves the rest to whoever is alive."""

import asyncio
import signal
from typing import Any

from gql import GraphQLRequest

from tests.processes import DEADLINE, Server, new_token, serving, verify

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
UNDO = "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id } userErrors { message } } }"
CREATE_GROUP = """
mutation {
  createGroup(input: {name: "VIPs", criteria: {contacts: {tags: {containsAny: [{name: "VIP"}]}}}}) { group { id } userErrors { message } }
}
"""
CREATE_TAG = 'mutation { createTag(input: {name: "VIP"}) { userErrors { message } } }'
WATCH = "subscription ($id: ID!) { bulkActionProgress(id: $id) { state total processed changed error } }"
COUNTS = 'query ($group: ID!) { tag(by: {name: "VIP"}) { contactCount } group(id: $group) { memberCount version } }'


async def prepare(server: Server, token: str) -> str:
    """Contacts, and a group that the action fills; returns the group's id."""
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


async def test_a_server_that_is_killed_at_work_leaves_no_bulk_action_undone_and_none_done_twice(url: str) -> None:
    token = await new_token(url, "Acme")
    done = {"state": "COMPLETED", "total": CONTACTS, "processed": CONTACTS, "changed": CONTACTS, "error": None}
    async with serving(url) as server:
        group = await prepare(server, token)
        action = (await server.ask(token, START))["startBulkAction"]["bulkAction"]["id"]
        await server.stop(signal.SIGKILL)
    async with serving(url) as server:
        assert await outcome(server, token, action) == done
        counts = await server.ask(token, COUNTS, group=group)
        assert counts == {"tag": {"contactCount": CONTACTS}, "group": {"memberCount": CONTACTS, "version": CONTACTS}}
        undo = (await server.ask(token, UNDO, id=action))["undoBulkAction"]["bulkAction"]["id"]
        await server.stop(signal.SIGKILL)
    async with serving(url) as server:
        assert await outcome(server, token, undo) == done
        counts = await server.ask(token, COUNTS, group=group)
        assert counts == {"tag": {"contactCount": 0}, "group": {"memberCount": 0, "version": 2 * CONTACTS}}
    await verify(url)
