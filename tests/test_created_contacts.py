"""The law of created contacts: those that one write creates join the same groups, evaluated in a batch or one by one."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.composition import Composition
from models import ChangeCause
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.criteria.language.record_types import CONTACT
from resolvers.grouping.groups import create_group
from resolvers.maintenance.auditing import audit
from resolvers.membership.batch.batch_evaluation import batch_created_contacts
from resolvers.membership.candidates.account_definitions import AccountDefinitions
from resolvers.membership.candidates.definitions_cache import NOTHING
from resolvers.membership.change import Change
from resolvers.membership.settle import settle
from resolvers.records.drafts import Aim, Row
from resolvers.records.imports import import_contacts
from resolvers.records.save_contacts import save_contacts
from resolvers.tagging.tags import create_tag
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support.batches import Judge, Members, together, tried
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.membership_world import CRITERIA, FIELDS, TAGS, World
from tests.support.services import running_services

COPIES = 40  # of each contact: of so many it is quicker to judge them together
MEMBERS = "SELECT set_id, record_id FROM group_members WHERE account_id = :account AND record_id = ANY(:ids)"


@pytest.fixture
def composition() -> Composition:
    return PRODUCT_WITH_DEALS


async def at_once(change: Change, definitions: AccountDefinitions) -> None:
    batch_created_contacts(change, definitions)
    await together(change, definitions)


async def each_against_all(change: Change, definitions: AccountDefinitions) -> None:
    for contact_id in change.created_for[CONTACT]:
        change.add_candidates(contact_id, (group_id for group_id, _ in definitions.groups.entries()))
    await settle(change, definitions)


async def members_after(account: World, rows: list[Row], judge: Judge) -> Members:
    """The groups that each row's contact joins when it is created, which is then taken back."""
    services, account_id = account.context.services, account.context.caller.account_id
    found: Members = set()
    async with tried(services.database):
        change = Change(services.database, account_id, None, ChangeCause.IMPORT, account.clock())
        ids = list((await save_contacts(account.context, change, rows)).contact_ids)
        definitions = await services.definitions.current(services.database, account_id)
        await judge(change, definitions)
        members = await services.database.rows(MEMBERS, account=account_id, ids=[each for each in ids if each is not None])
        found = {(row["set_id"], ids.index(row["record_id"])) for row in members}
    return found


@settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    people=st.lists(st.tuples(FIELDS, st.lists(st.sampled_from(TAGS), max_size=2, unique=True)), min_size=1, max_size=3),
    criteria=st.lists(CRITERIA, min_size=1, max_size=5),
    nested=st.lists(st.tuples(st.integers(0, 4), st.sampled_from(["memberOfAny", "memberOfNone"])), max_size=3),
)
async def test_created_contacts_join_the_same_groups_in_a_batch_and_one_by_one(
    *, database: Database, people: list[Any], criteria: list[Any], nested: list[Any]
) -> None:
    async with running_services(database, DrivenClock()) as services:
        account = World(await new_account(services), DrivenClock())
        await account.ensure_tags()
        for each in criteria:
            await account.run("create_group", each)
        for number, operator in nested:
            await account.run("nest_group", number, operator)
        rows = [Row(fields, [{"name": tag} for tag in tags], aim=Aim.CREATE) for fields, tags in people for _ in range(COPIES)]
        assert await members_after(account, rows, at_once) == await members_after(account, rows, each_against_all)


async def test_created_contacts_join_beside_contacts_that_change_in_the_same_import(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        await create_tag(context, name="Buyer")
        tagged = {"contacts": {"tags": {"containsAny": [{"name": "Buyer"}]}}}
        group = await create_group(context, name="Buyers", criteria=tagged)
        await create_group(context, name="Others", criteria={"contacts": {"group": {"memberOfNone": [to_global_id("Group", group.id)]}}})
        fields = [{"email": f"p{number}@example.com"} for number in range(2 * COPIES)]
        await import_contacts(context, rows=[{"fields": each} for each in fields[:COPIES]])
        await import_contacts(context, rows=[{"fields": each, "tags": [{"name": "Buyer"}]} for each in fields])
        assert await audit(services, context.caller.account_id) == []
        assert (await context.scope.groups.get(id=group.id)).member_count == 2 * COPIES


async def test_what_was_decided_for_outdated_definitions_is_decided_anew(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        await create_group(context, name="Nowhere", criteria={"contacts": {"country": {"isEmpty": True}}})
        account_id, created_contacts = context.caller.account_id, range(1, COPIES + 1)
        change = Change(database, account_id, None, ChangeCause.IMPORT, services.wall_clock())
        for contact_id in created_contacts:
            change.note_created(CONTACT, contact_id)
        batch_created_contacts(change, await services.definitions.current(database, account_id))
        assert [[*batch.contact_ids] for batch in change.batches] == [[*created_contacts]]
        batch_created_contacts(change, NOTHING)
        assert (change.batches, change.created_for[CONTACT]) == ([], {*created_contacts})
