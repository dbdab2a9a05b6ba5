"""Many writers at once, in two processes' worth of services, while time passes and groups are edited: nothing is lost."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from models.engine.database import Database
from models.errors import Conflict
from models.ids import to_global_id
from resolvers.grouping.groups import create_group, update_group
from resolvers.maintenance.clock import step
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from resolvers.records.appointments import create_appointment, update_appointment
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.services import running_services

WRITERS = 8
WRITES = 25
MOST_LOST = WRITERS * WRITES // 10  # races, each of them four times in a row
DEADLINE = 120.0

CRITERIA: tuple[dict[str, Any], ...] = (
    {"contacts": {"all": [{"country": {"equals": ["Canada"]}}, {"tags": {"containsAny": [{"name": "Client"}]}}]}},
    {"contacts": {"appointments": {"some": {"startsAt": {"onOrAfter": {"now": {}}}}}}},
    {"appointments": {"startsAt": {"onOrAfter": {"now": {"minutes": 1}}}}},
    {"contacts": {"any": [{"country": {"equals": ["Mexico"]}}, {"tags": {"containsAny": [{"name": "Lead"}]}}]}},
)


class Writer:
    """Does one random thing after another. Only a lost race may refuse it: no contact that others write to is ever deleted."""

    def __init__(self, context: Context, seed: int, contacts: list[str], clock: DrivenClock) -> None:
        self._context = context
        self._random = random.Random(seed)
        self._contacts = contacts
        self._clock = clock
        self.lost = 0

    async def run(self) -> None:
        for _ in range(WRITES):
            action: Callable[[], Awaitable[None]] = self._random.choice(
                [self._tag, self._tag, self._move, self._meet, self._postpone, self._come_and_go]
            )
            try:
                await action()
            except Conflict:
                self.lost += 1

    def _some(self, count: int) -> list[str]:
        return self._random.sample(self._contacts, count)

    async def _tag(self) -> None:
        change = self._random.choice([add_tags, remove_tags])
        await change(self._context, contact_ids=self._some(3), tags=[{"name": self._random.choice(["Client", "Lead"])}])

    async def _move(self) -> None:
        country = self._random.choice(["Canada", "Mexico", "France", None])
        await update_contact(self._context, contact_id=self._some(1)[0], fields={"country": country})

    async def _meet(self) -> None:
        at = self._clock.now + timedelta(seconds=self._random.uniform(-5, 5))
        await create_appointment(self._context, contact_id=self._some(1)[0], values={"title": "Call", "starts_at": at})

    async def _postpone(self) -> None:
        appointment = await self._context.scope.appointments.offset(self._random.randrange(5)).first()
        if appointment:
            at = self._clock.now + timedelta(seconds=self._random.uniform(-5, 5))
            await update_appointment(self._context, appointment_id=to_global_id("Appointment", appointment.id), values={"starts_at": at})

    async def _come_and_go(self) -> None:
        contact = await create_contact(self._context, fields={"country": "Canada"}, tags=[{"name": "Client"}])
        if self._random.random() < 0.5:
            await delete_contact(self._context, to_global_id("Contact", contact.id))


async def let_time_pass(context: Context, clock: DrivenClock, done: asyncio.Event) -> None:
    while not done.is_set():
        clock.pass_(seconds=0.7)
        await step(context.services)
        await asyncio.sleep(0)


async def edit_groups(context: Context, group_id: str, done: asyncio.Event) -> None:
    number = 0
    while not done.is_set():
        number += 1
        criteria = {"contacts": {"country": {"equals": [("Canada", "Mexico")[number % 2]]}}}
        await update_group(context, group_id=group_id, changes={"criteria": criteria})
        await asyncio.sleep(0)


@pytest.mark.parametrize("seed", [1, 2])
async def test_concurrent_writers_edits_and_time_leave_every_group_true(database: Database, seed: int) -> None:
    clock = DrivenClock()
    async with running_services(database, clock) as here, running_services(database, clock) as there:
        owner = await new_account(here)
        for name in ("Client", "Lead"):
            await create_tag(owner, name=name)
        groups = [await create_group(owner, name=f"Group {n}", criteria=criteria) for n, criteria in enumerate(CRITERIA)]
        await create_group(owner, name="Nested", criteria={"contacts": {"group": {"memberOfAny": [to_global_id("Group", groups[0].id)]}}})
        edited = await create_group(owner, name="Edited", criteria=CRITERIA[0])
        contacts = [to_global_id("Contact", (await create_contact(owner, fields={"country": "Canada"})).id) for _ in range(12)]
        done = asyncio.Event()
        callers = [Context(services, owner.caller, owner.scope) for services in (here, there)]
        writers = [Writer(callers[n % 2], seed * 100 + n, contacts, clock) for n in range(WRITERS)]
        async with asyncio.timeout(DEADLINE), asyncio.TaskGroup() as tasks:
            tasks.create_task(let_time_pass(callers[0], clock, done))
            tasks.create_task(edit_groups(callers[1], to_global_id("Group", edited.id), done))
            await asyncio.gather(*(writer.run() for writer in writers))
            done.set()
        assert sum(writer.lost for writer in writers) <= MOST_LOST
        await step(here)
        assert await verify(database, here.definitions, owner.caller.account_id) == []
