"""The law of membership, after any sequence of writes, edits and passing time.

Three sets are the same for every group: stored members, the fold of the log, and a fresh evaluation of the criteria.
"""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.composition import Composition
from models import ChangeCause, Contact
from models.engine.database import Database
from models.errors import Conflict
from models.ids import to_global_id
from resolvers.criteria.language.record_types import CONTACT
from resolvers.grouping.groups import create_group
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.verify import verify
from resolvers.records.contacts import create_contact, update_contact
from resolvers.write import write
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.membership_world import OPERATIONS, OWNED, World
from tests.support.services import running_services


@pytest.fixture
def composition() -> Composition:
    return PRODUCT_WITH_DEALS


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(operations=st.lists(OPERATIONS, min_size=5, max_size=25), zone=st.sampled_from(["UTC", "America/New_York"]))
async def test_stored_members_are_the_fold_of_the_log_and_a_fresh_evaluation(
    database: Database, operations: list[tuple[Any, ...]], zone: str
) -> None:
    clock = _clock_of(database)
    async with running_services(database, clock) as services:
        context = await new_account(services, timezone=zone)
        world = World(context, clock)
        await world.ensure_tags()
        for operation in operations:
            await world.run(*operation)
        assert await verify(database, services.definitions, context.caller.account_id) == []


_clocks: dict[int, DrivenClock] = {}


def _clock_of(database: Database) -> DrivenClock:
    """The clock of this database, which goes on from one example to the next: logical time never runs back."""
    return _clocks.setdefault(id(database), DrivenClock())


async def test_a_write_that_fails_changes_nothing_and_tells_nobody(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        await create_group(context, name="Everybody", criteria={"contacts": {"country": {"isEmpty": True}}})

        async def work(change: Change) -> None:
            at = change.at
            contact = await Contact.create(account_id=change.account_id, email="ana@example.com", created_at=at, updated_at=at)
            change.note_created(CONTACT, contact.id)
            raise Conflict("changed my mind")

        with pytest.raises(Conflict):
            await write(context, ChangeCause.RECORD_CREATED, work)
        assert await context.scope.contacts.count() == 0
        assert await context.scope.group_members.count() == 0


def test_the_law_is_about_every_record_type_that_contacts_own(composition: Composition) -> None:
    assert OWNED.keys() == {*composition.record_types.owned}


async def test_groups_that_name_a_group_follow_every_contact_that_joins_or_leaves_it(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        contact = await create_contact(context, fields={"country": "Canada"})
        named = await create_group(context, name="Canadians", criteria={"contacts": {"country": {"equals": ["Canada"]}}})
        inside, outside = [
            await create_group(context, name=operator, criteria={"contacts": {"group": {operator: [to_global_id("Group", named.id)]}}})
            for operator in ("memberOfAny", "memberOfNone")
        ]
        outside_too = await create_group(
            context, name="Through two", criteria={"contacts": {"group": {"memberOfAny": [to_global_id("Group", outside.id)]}}}
        )
        for country, groups in ((None, [outside, outside_too]), ("Canada", [named, inside]), (None, [outside, outside_too])):
            await update_contact(context, contact_id=to_global_id("Contact", contact.id), fields={"country": country})
            found = await context.scope.group_members.filter(record_id=contact.id).values("set_id")
            assert {row["set_id"] for row in found} == {group.members_id for group in groups}
