"""After a restore, a watcher who has seen what the backup lacks is told to read anew, and nothing else changes."""

import asyncio

from app.running.services import open_services
from app.settings import Settings
from models import Group
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.grouping.watching import cursor, group_changes
from resolvers.maintenance.auditing import audit
from resolvers.maintenance.restoring import begin_new_epochs
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact
from subscriptions.messages import GroupReset, MembersChanged, Message, ResetReason
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.command_line import run
from tests.support.processes import DEADLINE, verify
from tests.support.services import running_services

EVERYBODY = {"contacts": {"email": {"isEmpty": True}}}


async def first_told(context: Context, group: Group, after: str) -> Message:
    async with asyncio.timeout(DEADLINE):
        return await anext(aiter(group_changes(context, to_global_id("Group", group.id), after)))


async def test_every_cursor_of_before_is_answered_with_a_reset_and_every_later_one_is_followed(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        groups = [await create_group(context, name=name, criteria=EVERYBODY) for name in ("One", "Two")]
        seen = [(group, cursor(await Group.get(id=group.id))) for group in groups]
        await create_contact(context, fields={})
        seen += [(group, cursor(await Group.get(id=group.id))) for group in groups]
        assert await begin_new_epochs(services, context.caller.account_id) == 2
        for group, before in seen:
            told = await first_told(context, group, before)
            assert isinstance(told, GroupReset)
            assert told.reason is ResetReason.GROUP_REBUILT
        after = cursor(await Group.get(id=groups[0].id))
        await create_contact(context, fields={})
        assert isinstance(await first_told(context, groups[0], after), MembersChanged)
        assert [(await Group.get(id=group.id)).member_count for group in groups] == [2, 2]
        assert await audit(services, context.caller.account_id) == []


async def test_other_accounts_keep_their_epochs(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        mine, theirs = await new_account(services), await new_account(services)
        group = await create_group(theirs, name="Theirs", criteria=EVERYBODY)
        epoch = (await Group.get(id=group.id)).epoch
        await begin_new_epochs(services, mine.caller.account_id)
        assert (await Group.get(id=group.id)).epoch == epoch


async def test_the_command_reaches_every_account(url: str) -> None:
    async with open_services(Settings(database_url=url)) as services:
        for _ in range(2):
            await create_group(await new_account(services), name="Everybody", criteria=EVERYBODY)
    ran = await run(url, "restored")
    assert ran.code == 0
    assert ran.sentence == "2 groups started a new epoch."
    await verify(url)
