"""Two processes whose clocks are five seconds apart take turns at leading while both write: no record comes and goes because of it."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.composition import Composition
from models import Account
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.criteria.language.record_types import RecordType
from resolvers.grouping.groups import create_group
from resolvers.maintenance.clock import step
from resolvers.membership.clock import start
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from resolvers.records.contacts import create_contact, update_contact
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.effort import examples
from tests.support.held_writes import DEADLINE, connected, until_waiting
from tests.support.membership_world import OWNED
from tests.support.services import running_services

SKEW = timedelta(seconds=5)
TURNS_SECONDS = (0.3, 1.0, 2.5)
CLOCK = "SELECT now, settled FROM clock"
BACK_TO_THE_BEGINNING = "UPDATE clock SET now = 0, settled = 0"

# What a write touches besides the time, so that records are judged again and again while their own times stay as they are.
TITLED: dict[str, Any] = {"title": {"notEquals": ["Nothing"]}}
LIVING: dict[str, Any] = {"country": {"notEquals": ["Nowhere"]}}
TIMES = {each: next(key for key, field in each.fields.items() if field.column == kind.time) for each, kind in OWNED.items()}
CRITERIA: tuple[dict[str, Any], ...] = (
    *({each.key: {"all": [{key: {"onOrAfter": {"now": {}}}}, TITLED]}} for each, key in TIMES.items()),
    *({each.key: {"all": [{key: {"before": {"now": {}}}}, TITLED]}} for each, key in TIMES.items()),
    {"contacts": {"all": [{"createdAt": {"onOrBefore": {"now": {}}}}, LIVING]}},
    {"contacts": {"all": [{"createdAt": {"withinLast": {"minutes": 1}}}, LIVING]}},
    *({"contacts": {each.key: {"some": {key: {"before": {"now": {}}}}}}} for each, key in TIMES.items()),
)

PROCESS, NUMBER = st.integers(0, 1), st.integers(0, 12)
ON_CONTACTS = st.tuples(st.sampled_from(["lead", "lead", "arrive", "travel"]), PROCESS, NUMBER)
ON_OWNED = st.tuples(st.sampled_from(["add", "retitle"]), PROCESS, NUMBER, st.sampled_from([*OWNED]))
ACTS = st.one_of(ON_CONTACTS, ON_CONTACTS, ON_OWNED)


@pytest.fixture
def composition() -> Composition:
    return PRODUCT_WITH_DEALS


@dataclass
class Company:
    """One account in two processes."""

    contexts: list[Context]
    contacts: list[str] = field(default_factory=list)
    owned: dict[RecordType, list[str]] = field(default_factory=lambda: {each: [] for each in OWNED})

    async def act(self, name: str, process: int, *arguments: Any) -> None:
        await getattr(self, name)(self.contexts[process], *arguments)

    async def lead(self, context: Context, number: int) -> None:
        await step(context.services)

    async def arrive(self, context: Context, number: int) -> None:
        self.contacts.append(to_global_id("Contact", (await create_contact(context, fields={})).id))

    async def travel(self, context: Context, number: int) -> None:
        fields = {"country": ("Canada", "Mexico", "France")[number % 3]}
        await update_contact(context, contact_id=self.contacts[number % len(self.contacts)], fields=fields)

    async def add(self, context: Context, number: int, record_type: RecordType) -> None:
        kind, contact = OWNED[record_type], self.contacts[number % len(self.contacts)]
        created = await kind.create(context, contact, {"title": "Call", kind.time: NOON + timedelta(seconds=number)})
        self.owned[record_type].append(to_global_id(record_type.type_name, created.id))

    async def retitle(self, context: Context, number: int, record_type: RecordType) -> None:
        owned = self.owned[record_type]
        await OWNED[record_type].update(context, owned[number % len(owned)], {"title": f"Call {number}"})

    async def flips(self) -> Counter[tuple[int, int, str]]:
        """How often each record joined and left each group."""
        found: Counter[tuple[int, int, str]] = Counter()
        for event in await self.contexts[0].scope.group_events:
            found.update((event.group_id, number, "joined") for number in event.joined)
            found.update((event.group_id, number, "left") for number in event.left)
        return found


@settings(max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(turns=st.lists(st.tuples(st.sampled_from(TURNS_SECONDS), st.lists(ACTS, min_size=1, max_size=3)), min_size=3, max_size=12))
async def test_no_record_comes_and_goes_between_two_clocks(database: Database, turns: list[tuple[float, list[tuple[Any, ...]]]]) -> None:
    await Account.all().delete()
    await database.rows(BACK_TO_THE_BEGINNING)
    clocks = DrivenClock(NOON), DrivenClock(NOON + SKEW)
    async with running_services(database, clocks[0]) as here, running_services(database, clocks[1]) as there:
        await step(here)
        owner = await new_account(here)
        company = Company([Context(services, owner.caller, owner.scope) for services in (here, there)])
        for criteria in CRITERIA:
            await create_group(owner, name="Skewed", criteria=criteria)
        await company.arrive(owner, 0)
        for record_type in OWNED:
            await company.add(owner, 3, record_type)
        earlier = (0, 0)
        for seconds, acts in turns:
            for clock in clocks:
                clock.pass_(seconds=seconds)
            await asyncio.gather(*(company.act(*act) for act in acts))
            row = await database.row(CLOCK)
            assert (row["now"], row["settled"]) >= earlier, "time ran back"
            earlier = (row["now"], row["settled"])
        await step(here)
        assert await verify(database, here.definitions, owner.caller.account_id) == []
        assert set((await company.flips()).values()) <= {1}


@pytest.mark.only("postgresql")
async def test_processes_that_start_together_share_one_clock(database: Database, url: str) -> None:
    async with asyncio.timeout(DEADLINE), connected(url) as other:
        async with other.transaction():
            await other.execute("INSERT INTO clock (id, now, settled) VALUES (1, 0, 0)")
            starting = asyncio.create_task(start(database, NOON))
            await until_waiting(other, 1, starting)
        await starting
    assert await database.row("SELECT now FROM clock") == {"now": 0}
