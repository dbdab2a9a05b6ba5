"""Watching counts: the present ones at once, each change soon, a burst as its latest count."""

import asyncio

import pytest

from models import Role
from models.engine.database import Database
from models.errors import BadInput, NotFound
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, delete_group
from resolvers.grouping.watching import group_counts
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact
from subscriptions.messages import GroupCount
from tests.support.callers import new_account, new_user
from tests.support.clock import DrivenClock
from tests.support.services import running_services

DEADLINE = 20.0
EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}


async def new_group(context: Context, **permission: object) -> str:
    group = await create_group(context, name="Everybody", criteria=EVERYBODY, permission=permission or None)
    return to_global_id("Group", group.id)


async def test_counts_come_at_once_and_then_with_each_change(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await new_account(services)
        one, other = await new_group(context), await new_group(context)
        counts = group_counts(context, [one, other])
        assert {(await anext(counts)).member_count, (await anext(counts)).member_count} == {0}
        await create_contact(context, fields={})
        told = [await anext(counts), await anext(counts)]
        assert [(count.member_count, count.version) for count in told] == [(1, 1), (1, 1)]


async def test_a_burst_is_told_as_its_latest_count(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await new_account(services)
        counts = group_counts(context, [await new_group(context)])
        assert (await anext(counts)).member_count == 0
        for _ in range(30):
            await create_contact(context, fields={})
        told: list[GroupCount] = []
        while not told or told[-1].member_count < 30:
            told.append(await anext(counts))
        assert len(told) < 30
        assert [count.version for count in told] == sorted({count.version for count in told})


async def test_a_deleted_group_ends_its_counts(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services, asyncio.timeout(DEADLINE):
        context = await new_account(services)
        group = await new_group(context)
        counts = group_counts(context, [group])
        await anext(counts)
        await delete_group(context, group_id=group, force=False)
        assert [count async for count in counts] == []


async def test_groups_that_the_caller_may_not_view_cannot_be_counted(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        other = await new_user(services, context.caller.account_id, Role.ADMIN)
        hidden = await new_group(context, view={"only_owner": True})
        with pytest.raises(NotFound):
            await anext(group_counts(other, [hidden]))
        with pytest.raises(BadInput):
            await anext(group_counts(other, []))
