"""Bulk actions in real server processes: one that is killed at work leaves the rest to another."""

import signal

from tests.support.bulk_processes import CONTACTS, START, outcome, prepare
from tests.support.processes import new_token, serving, verify

UNDO = "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id } userErrors { message } } }"
COUNTS = 'query ($group: ID!) { tag(by: {name: "VIP"}) { contactCount } group(id: $group) { memberCount version } }'


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
