"""The laws of bulk actions: they do what would be done contact by contact, once, as their dry run says, and undo takes it back."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import BulkAction, BulkActionState
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.bulk.actions import start_bulk_action, undo_bulk_action
from resolvers.bulk.preview import BulkPreview
from resolvers.bulk.work import work
from resolvers.grouping.members import members
from resolvers.operation.context import Services
from resolvers.reading.paging import PageArguments
from resolvers.records.contacts import contacts, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from tests.support.bulk_world import CHANGES, CONTACTS, TARGETS, World, in_chunks_of, mortal, new_world
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.services import running_services

DEADLINE = 60.0
Wanted = Mapping[str, Any]

LAST_EVENT = "SELECT coalesce(max(id), 0) AS id FROM group_events"
TABLES = ("contacts", "taggings", "tags", "custom_values", "search_terms", "appointments", "group_members", "group_events", "groups")

law = settings(max_examples=examples(10), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
people = CONTACTS.filter(bool)


async def start(world: World, target: Wanted, change: Wanted) -> BulkAction:
    started = await start_bulk_action(world.context, target=world.target(target), change=change)
    assert started.action
    return started.action


async def ended(world: World, action: BulkAction) -> BulkAction:
    found = await world.context.scope.bulk_actions.get(id=action.pk)
    assert found.state is BulkActionState.COMPLETED, found.error
    return found


async def one_by_one(world: World, target: Wanted, change: Wanted) -> None:
    """The same, as a patient person would do it."""
    context = world.context
    for contact_id in await concerned(world, target):
        match change:
            case {"tags": tags}:
                if tags["add"]:
                    await add_tags(context, contact_ids=[contact_id], tags=tags["add"], create_missing=True)
                if tags["remove"]:
                    await remove_tags(context, contact_ids=[contact_id], tags=tags["remove"])
            case {"fields": fields}:
                await update_contact(context, contact_id=contact_id, fields=fields)
            case _:
                await delete_contact(context, contact_id)


async def concerned(world: World, target: Wanted) -> list[str]:
    given = world.target(target)
    page = PageArguments()
    if "contact_ids" in given:
        return sorted(set(given["contact_ids"]))
    if "group_id" in given:
        found: list[Any] = (await members(world.context, world.groups[target["group"]], order=None, search=None, page=page)).nodes
    else:
        found = (await contacts(world.context, where=given["where"], search=None, order=None, page=page)).nodes
    return [to_global_id("Contact", contact.id) for contact in found]


@law
@given(people=people, target=TARGETS, change=CHANGES)
async def test_a_bulk_action_does_what_would_be_done_contact_by_contact(
    database: Database, people: list[Wanted], target: Wanted, change: Wanted
) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        world, twin = [await new_world(in_chunks_of(services, 2), people) for _ in range(2)]
        expected = len(await concerned(world, target))
        action = await start(world, target, change)
        await work(world.context.services)
        await one_by_one(twin, target, change)
        assert await world.picture() == await twin.picture()
        assert await world.is_true()
        assert await twin.is_true()
        done = await ended(world, action)
        assert (done.total, done.processed) == (expected, expected)


@law
@given(people=people, target=TARGETS, change=CHANGES)
async def test_an_undone_bulk_action_leaves_everything_as_it_was(
    database: Database, people: list[Wanted], target: Wanted, change: Wanted
) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        world = await new_world(in_chunks_of(services, 2), people)
        ids, before = world.contacts, await world.picture()
        action = await start(world, target, change)
        await work(world.context.services)
        done = await ended(world, action)
        if not done.changed:
            return
        undoing = await undo(world, action)
        await work(world.context.services)
        undone = await ended(world, undoing)
        assert (undone.total, undone.processed, undone.changed, undone.kept) == (done.changed, done.changed, done.changed, 0)
        assert await world.picture() == before
        assert [contact.id for contact in await world.context.scope.contacts.order_by("id")] == ids
        assert await world.is_true()


@law
@given(people=people, wanted=st.tuples(TARGETS, CHANGES), fate=st.tuples(st.lists(st.integers(1, 100), max_size=4), st.booleans()))
async def test_whoever_dies_at_work_leaves_nothing_undone_and_nothing_done_twice(
    database: Database, people: list[Wanted], wanted: tuple[Wanted, Wanted], fate: tuple[list[int], bool]
) -> None:
    deaths, undone = fate
    async with running_services(database, DrivenClock()) as services, running_services(database, DrivenClock()) as others:
        processes = [in_chunks_of(each, 2) for each in (services, others)]
        worlds = [await new_world(processes[0], people) for _ in range(2)]
        actions = [await start(world, *wanted) for world in worlds]
        await work_with_deaths(processes, deaths)
        if undone and (await ended(worlds[0], actions[0])).changed:
            actions = [await undo(world, action) for world, action in zip(worlds, actions, strict=True)]
            await work_with_deaths(processes, deaths)
        results = [await ended(world, action) for world, action in zip(worlds, actions, strict=True)]
        assert len({(done.total, done.processed, done.changed, done.kept) for done in results}) == 1
        assert await worlds[0].picture() == await worlds[1].picture()
        assert await worlds[0].is_true()


async def undo(world: World, action: BulkAction) -> BulkAction:
    return await undo_bulk_action(world.context, to_global_id("BulkAction", action.pk))


async def work_with_deaths(processes: list[Services], deaths: list[int]) -> None:
    async with asyncio.timeout(DEADLINE):
        for number, statements in enumerate(deaths):
            dying = asyncio.create_task(work(mortal(processes[number % 2], statements)))
            await asyncio.gather(dying, return_exceptions=True)
        await work(processes[len(deaths) % 2])


@law
@given(people=people, target=TARGETS, change=CHANGES)
async def test_a_dry_run_writes_nothing_and_tells_what_then_happens(
    database: Database, people: list[Wanted], target: Wanted, change: Wanted
) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        world = await new_world(in_chunks_of(services, 2), people)
        before = await rows(database)
        preview = (await start_bulk_action(world.context, target=world.target(target), change=change, dry_run=True)).preview
        assert preview
        assert await rows(database) == before
        last = (await database.row(LAST_EVENT))["id"]
        action = await start(world, target, change)
        await work(world.context.services)
        done = await ended(world, action)
        assert (preview.total, preview.changed) == (done.total, done.changed)
        assert effects(preview) == await told(world, last)


async def rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    return {table: await database.rows(f'SELECT * FROM "{table}" ORDER BY id') for table in TABLES}


def effects(preview: BulkPreview) -> dict[int, tuple[int, int]]:
    return {effect.group.id: (effect.joins, effect.leaves) for effect in preview.groups}


async def told(world: World, last: int) -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for event in await world.context.scope.group_events.filter(id__gt=last):
        joins, leaves = found.get(event.group_id, (0, 0))
        found[event.group_id] = joins + len(event.joined), leaves + len(event.left)
    return found
