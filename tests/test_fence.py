"""The fence: writers of records, changes of definitions and the clock never decide by what another is about to change.

Each test lets one overtake another at the worst moment. What is made like the real thing but for the fence is caught here.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from models import ChangeCause
from models.engine.database import Database
from models.ids import from_global_id, to_global_id
from resolvers.access.accounts import update_account
from resolvers.criteria.language.mentions import Mention
from resolvers.grouping.builds import build
from resolvers.grouping.groups import create_group, update_group
from resolvers.maintenance.clock import step
from resolvers.membership.change import Change
from resolvers.membership.clock import advance, mark_settled
from resolvers.membership.crossings import find_crossings
from resolvers.membership.rebuilding.builds import read_builds
from resolvers.membership.rebuilding.scan import scan_next
from resolvers.membership.rebuilding.verify import Discrepancy, verify
from resolvers.membership.settle import settle
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, update_contact
from resolvers.write import write
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.held_writes import overtake
from tests.support.services import running_services

pytestmark = pytest.mark.only("postgresql")

# The account counts its days in UTC until it moves to Berlin, where midnight comes an hour earlier.
NOW = datetime(2026, 3, 2, 22, 30, tzinfo=UTC)
LATE = datetime(2026, 3, 2, 23, 15, tzinfo=UTC)
LATER_MINUTES = 60

IN_CANADA: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}
BEHIND: dict[str, Any] = {"contacts": {"lastActivityAt": {"before": {"now": {}}}}}
AHEAD: dict[str, Any] = {"contacts": {"lastActivityAt": {"onOrAfter": {"now": {}}}}}
TOMORROW: dict[str, Any] = {"contacts": {"lastActivityAt": {"on": [{"named": "TOMORROW"}]}}}
NEVER: dict[str, Any] = {"contacts": {"lastActivityAt": {"isEmpty": True}}}


@dataclass(frozen=True)
class World:
    """One account, as one of two processes sees it."""

    context: Context
    clock: DrivenClock
    contact: str
    group: str


Act = Callable[[World], Coroutine[Any, Any, object]]


async def touch(world: World) -> None:
    """The contact joins a group at once, those of the late hour when it comes, and that of tomorrow only in Berlin."""
    await update_contact(world.context, contact_id=world.contact, fields={"country": "Canada", "last_activity_at": LATE})


async def touch_without_fence(world: World) -> None:
    services, account_id = world.context.services, world.context.caller.account_id
    _, number = from_global_id(world.contact)
    async with services.database.transaction():
        change = Change(services.database, account_id, None, ChangeCause.RECORD_CHANGED, services.wall_clock())
        await change.lock_contacts([number])
        await world.context.scope.contacts.filter(id=number).update(country="Canada", country_folded="canada", last_activity_at=LATE)
        change.touch(number, Mention("contact", "country_folded"), Mention("contact", "last_activity_at"))
        await settle(change, await services.definitions.current(services.database, account_id))


async def define(world: World) -> None:
    await create_group(world.context, name="Ahead", criteria=AHEAD)


async def redefine(world: World) -> None:
    await update_group(world.context, group_id=world.group, changes={"criteria": AHEAD})


async def move_to_berlin(world: World) -> None:
    await update_account(world.context, {"timezone": "Europe/Berlin"})


async def let_time_pass(world: World) -> None:
    world.clock.pass_(minutes=LATER_MINUTES)
    await step(world.context.services)


async def let_time_pass_without_fence(world: World) -> None:
    world.clock.pass_(minutes=LATER_MINUTES)
    services, account_id = world.context.services, world.context.caller.account_id
    span = await advance(services.database, services.wall_clock())
    definitions = await services.definitions.current(services.database, account_id)
    found = dict(await find_crossings(services.database, account_id, definitions, span))

    async def judge_again(change: Change) -> None:
        for contact_id in await change.lock_contacts(found):
            change.add_candidates(contact_id, found[contact_id])

    await write(world.context, ChangeCause.TIME_PASSED, judge_again)
    await mark_settled(services.database, span[1])


DEFINITIONS = pytest.mark.parametrize("change_definitions", [define, redefine, move_to_berlin])


async def differences_after(database: Database, url: str, first: Act, second: Act) -> list[Discrepancy]:
    """What is wrong when `second` ran as far as it could while `first` had decided and not yet committed."""
    clock = DrivenClock(NOW)
    async with running_services(database, clock) as here, running_services(database, clock) as there:
        owner = await new_account(here)
        groups = [await create_group(owner, name="A group", criteria=criteria) for criteria in (IN_CANADA, TOMORROW, BEHIND, NEVER)]
        await create_contact(owner, fields={"last_activity_at": LATE})
        contact = await create_contact(owner, fields={})
        one, other = (
            World(
                Context(services, owner.caller, owner.scope),
                clock,
                to_global_id("Contact", contact.id),
                to_global_id("Group", groups[-1].id),
            )
            for services in (here, there)
        )
        await overtake(url, first(one), second(other))
        return await verify(database, here.definitions, owner.caller.account_id)


@DEFINITIONS
async def test_a_change_of_definitions_does_not_overtake_a_writer(database: Database, url: str, change_definitions: Act) -> None:
    assert await differences_after(database, url, touch, change_definitions) == []


@DEFINITIONS
async def test_a_writer_does_not_overtake_a_change_of_definitions(database: Database, url: str, change_definitions: Act) -> None:
    assert await differences_after(database, url, change_definitions, touch) == []


async def test_time_does_not_overtake_a_writer(database: Database, url: str) -> None:
    assert await differences_after(database, url, touch, let_time_pass) == []


@DEFINITIONS
async def test_time_does_not_overtake_a_change_of_definitions(database: Database, url: str, change_definitions: Act) -> None:
    assert await differences_after(database, url, change_definitions, let_time_pass) == []


async def test_a_writer_without_the_fence_is_caught_when_it_is_overtaken(database: Database, url: str) -> None:
    assert await differences_after(database, url, touch_without_fence, move_to_berlin)


async def test_a_writer_without_the_fence_is_caught_when_it_overtakes(database: Database, url: str) -> None:
    assert await differences_after(database, url, move_to_berlin, touch_without_fence)


async def test_time_without_the_fence_is_caught_when_it_overtakes(database: Database, url: str) -> None:
    assert await differences_after(database, url, touch, let_time_pass_without_fence)


async def scan(context: Context) -> None:
    """Judge every record for what is in the making, as far as putting it in force."""
    services, account_id = context.services, context.caller.account_id

    async def work(change: Change) -> bool:
        found = await read_builds(change.database, account_id)
        definitions = await services.definitions.current(change.database, account_id)
        return await scan_next(change, definitions, [each.id for each in found])

    while await write(context, ChangeCause.GROUP_EDITED, work):
        pass


async def test_time_passes_over_a_membership_that_is_put_in_force_meanwhile(database: Database, url: str) -> None:
    clock = DrivenClock(NOW)
    async with running_services(database, clock, evaluated_at_once=0) as here, running_services(database, clock) as there:
        earlier, later = await new_account(here), await new_account(here)
        for context in (earlier, later):
            await create_contact(context, fields={"last_activity_at": LATE})
        await create_group(earlier, name="Ahead", criteria=AHEAD)
        group = await create_group(later, name="Ahead", criteria=NEVER)
        await build(here)
        await update_group(later, group_id=to_global_id("Group", group.id), changes={"criteria": AHEAD})
        await scan(later)
        clock.pass_(minutes=LATER_MINUTES)
        await overtake(url, step(here), build(there))
        assert await verify(database, here.definitions, later.caller.account_id) == []
