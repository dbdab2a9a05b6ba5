"""The random records of `criteria_world` as an account that resolvers serve."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from models import Group, Role
from models.audience import EVERYONE
from models.engine.database import Database
from models.errors import Refused
from models.fields import to_microseconds
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Caller, Context
from resolvers.operation.scope import Scope
from tests.support import criteria_world as world
from tests.support.clock import DrivenClock
from tests.support.services import running_services

OWNER = Caller(world.ACCOUNT, 1, Role.OWNER, 0)
CLOCK = "UPDATE clock SET now = :now, settled = :now"
ZONE = "UPDATE accounts SET timezone = :zone, definitions_version = definitions_version + 1 WHERE id = :account"


@asynccontextmanager
async def account(database: Database) -> AsyncIterator[Context]:
    """The account of that world. Its groups have random members, whatever their criteria say."""
    await world.prepare(database)
    criteria = {"contacts": {"email": {"isEmpty": False}}}
    await Group.all().update(criteria=criteria, view=EVERYONE.marks(), edit=EVERYONE.marks())
    async with running_services(database, DrivenClock()) as services:
        yield Context(services, OWNER, Scope(world.ACCOUNT, OWNER.user_id, OWNER.role))


async def set_moment(context: Context, moment: datetime, zone: ZoneInfo) -> None:
    """Put the account into this zone, at this logical time."""
    context.forget()
    await context.services.database.rows(CLOCK, now=to_microseconds(moment))
    await context.services.database.rows(ZONE, zone=zone.key, account=world.ACCOUNT)


async def new_group(context: Context, criteria: dict[str, Any]) -> Group | None:
    """A group with these criteria. None if saving them is refused."""
    try:
        return await create_group(context, name="Law", criteria=criteria)
    except Refused:
        return None


def group_id(group: Group) -> str:
    return to_global_id("Group", group.id)
