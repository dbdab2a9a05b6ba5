"""What is left of a log when its old entries go: its end, without a gap."""

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import GroupEvent
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.membership.journal.retention import prune
from resolvers.membership.rebuilding.verify import verify
from resolvers.records.contacts import create_contact, update_contact
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.effort import examples
from tests.support.services import running_services

LAWFUL = settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
CANADIANS: dict[str, Any] = {"contacts": {"country": {"equals": ["Canada"]}}}


@LAWFUL
@given(times=st.lists(st.integers(0, 5), min_size=1, max_size=8), cut=st.integers(0, 6), keep=st.integers(1, 9))
async def test_a_log_has_no_gap_whatever_the_times_of_its_entries(database: Database, times: list[int], cut: int, keep: int) -> None:
    """A write that began earlier may come to the log later, and the clocks of two machines differ."""
    clock = DrivenClock()
    async with running_services(database, clock) as services:
        context = await new_account(services)
        contact = to_global_id("Contact", (await create_contact(context, fields={})).id)
        group = await create_group(context, name="Canadians", criteria=CANADIANS)
        for number, seconds in enumerate(times, start=1):
            clock.now = NOON + timedelta(seconds=seconds)
            await update_contact(context, contact_id=contact, fields={"country": "Canada" if number % 2 else None})
        await prune(database, before=NOON + timedelta(seconds=cut), keep=keep)
        positions = [entry.position for entry in await GroupEvent.filter(group_id=group.id).order_by("position")]
        stay = [position for position, seconds in enumerate(times, start=1) if seconds >= cut]
        first = max(min(stay, default=len(times) + 1), len(times) - keep + 1)
        assert positions == list(range(first, len(times) + 1))
        assert await verify(database, services.definitions, context.caller.account_id) == []
