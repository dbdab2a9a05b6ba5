"""Databases of earlier releases: migrated to today's schema, they answer as they did, and work goes on in them."""

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest

from models import AccessToken, Account
from models.engine.database import Database, open_database
from models.engine.migrate import applied_migrations, migrate
from models.fields import from_microseconds
from models.ids import from_global_id, to_global_id
from resolvers.bulk.work import work
from resolvers.grouping.builds import build
from resolvers.grouping.watching import group_changes
from resolvers.maintenance.auditing import audit
from resolvers.maintenance.clock import step
from resolvers.operation.context import Services
from subscriptions.messages import MembersChanged
from tests.support.clock import DrivenClock
from tests.support.databases import Databases
from tests.support.processes import DEADLINE
from tests.support.releases import FOLDER, Client, Release, client_of, columns_with_values, restore
from tests.support.services import running_services

GROUPS = "{ groups(first: 50) { nodes { id name state memberCount viewerCanEdit members(first: 50) { nodes { id } } } } }"
BULK_ACTIONS = "{ bulkActions(first: 50) { nodes { id } } contacts(first: 50) { nodes { status } } }"
UNDO = "mutation ($id: ID!) { undoBulkAction(id: $id) { bulkAction { id } userErrors { message } } }"
CREATE = """
mutation {
  createContact(input: {fields: {country: "Canada", customFields: {plan: "Gold"}}, tags: [{name: "Client"}]}) { contact { id } }
  createGroup(input: {name: "New", criteria: {contacts: {country: {equals: ["Canada"]}}}}) { group { id } }
}
"""


@pytest.fixture(params=sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def release(request: pytest.FixtureRequest) -> Release:
    path: Path = request.param
    found: Release = orjson.loads(path.read_bytes())
    return found


@pytest.fixture
async def restored(databases: Databases, tmp_path: Path, release: Release) -> AsyncIterator[Database]:
    """A database of the release, not migrated yet."""

    async def prepare(url: str) -> None:
        async with open_database(url) as database:
            await restore(database, release)

    async with databases.prepared(tmp_path, name_of(release), prepare) as url, open_database(url) as database:
        yield database


@pytest.fixture
async def migrated(databases: Databases, tmp_path: Path, release: Release) -> AsyncIterator[Database]:
    """A database of the release, migrated to today's schema."""

    async def prepare(url: str) -> None:
        async with open_database(url) as database:
            await restore(database, release)
            await migrate(database)

    async with databases.prepared(tmp_path, f"{name_of(release)}_migrated", prepare) as url, open_database(url) as database:
        yield database


def name_of(release: Release) -> str:
    """A name for the databases of a release."""
    return f"release_{sha256(orjson.dumps(release)).hexdigest()[:8]}"


@pytest.fixture
def clock(release: Release) -> DrivenClock:
    """A clock that stands where the release's logical clock stood."""
    ((_, now, _),) = release["tables"]["clock"]["rows"]
    return DrivenClock(from_microseconds(now))


@pytest.fixture
async def services(migrated: Database, clock: DrivenClock) -> AsyncIterator[Services]:
    """The services of this program on the migrated database."""
    async with running_services(migrated, clock) as running:
        yield running


@pytest.fixture
async def client(services: Services, release: Release) -> AsyncIterator[Client]:
    async with client_of(services, release["secrets"]["owner"]) as client:
        yield client


async def members(client: Client) -> dict[str, list[int]]:
    """The numbers of the members of each group, by its name. All groups are ready, and their counts are right."""
    groups = (await client.ask(GROUPS))["groups"]["nodes"]
    found = {each["name"]: sorted(from_global_id(node["id"])[1] for node in each["members"]["nodes"]) for each in groups}
    assert [(each["state"], each["memberCount"]) for each in groups] == [("READY", len(found[each["name"]])) for each in groups]
    return found


async def differences(services: Services) -> list[Any]:
    """What `muster verify` finds."""
    return [found for account in await Account.all() for found in await audit(services, account.id)]


async def test_every_column_of_the_release_holds_a_value(restored: Database, release: Release) -> None:
    assert await applied_migrations(restored) == release["migrations"]
    assert [column for column, is_filled in (await columns_with_values(restored)).items() if not is_filled] == []


async def test_after_migrating_everything_is_answered_as_before(services: Services, client: Client, release: Release) -> None:
    assert await client.read_everything() == release["answer"]
    assert await differences(services) == []
    async with client_of(services, release["secrets"]["viewer"]) as viewer:
        groups = (await viewer.ask(GROUPS))["groups"]["nodes"]
        assert {each["name"] for each in groups} >= {"Clients", "Canadians"}
        assert not any(each["viewerCanEdit"] for each in groups)


async def test_after_migrating_tokens_that_were_created_for_others_have_their_creators(services: Services, client: Client) -> None:
    tokens = await AccessToken.filter(account_id=client.context.caller.account_id).order_by("id")
    creators = {token.name: (token.user_id, token.created_by_id) for token in tokens}
    owner, viewer = client.context.caller.user_id, creators["Reports"][0]
    assert creators == {"Owner": (owner, None), "Reports": (viewer, owner)}


async def test_after_migrating_bulk_actions_and_builds_are_finished_and_undone(services: Services, client: Client) -> None:
    await build(services)
    await work(services)
    found = await client.ask(BULK_ACTIONS)
    assert found["contacts"]["nodes"] == [{"status": "Checked"}] * 3
    joined = await members(client)
    assert (joined["Clients"], joined["Edited"]) == ([1, 2, 3], [1, 2])
    assert (await client.ask(UNDO, id=found["bulkActions"]["nodes"][-1]["id"]))["undoBulkAction"]["userErrors"] == []
    await work(services)
    assert (await members(client))["Clients"] == [1, 3]
    assert await differences(services) == []


async def test_after_migrating_writes_and_time_change_the_groups_and_streams_go_on(
    services: Services, client: Client, clock: DrivenClock, release: Release
) -> None:
    await build(services)
    stream = aiter(group_changes(client.context, to_global_id("Group", 1), release["cursor_of_clients"]))
    created = await client.ask(CREATE)
    new = release["last_ids"]["contacts"] + 1
    assert from_global_id(created["createContact"]["contact"]["id"]) == ("Contact", new)
    assert from_global_id(created["createGroup"]["group"]["id"])[1] > release["last_ids"]["groups"]
    async with asyncio.timeout(DEADLINE):
        told = [await anext(stream), await anext(stream)]
    assert [each.joined_ids for each in told if isinstance(each, MembersChanged)] == [(2,), (new,)]
    changed = {"Clients": [1, 2, 3, new], "Canadians": [1, 2, new], "Gold": [1, new], "New": [1, 2, new], "Edited": [1, 2, new]}
    expected = {**changed, "Clients abroad": [3], "Recently active": [1], "Upcoming": [2]}
    assert await members(client) == expected
    clock.pass_(days=90)
    await step(services)
    assert await members(client) == {**expected, "Recently active": [], "Upcoming": []}
    assert await differences(services) == []
