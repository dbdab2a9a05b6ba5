"""The law of the clock: it does not matter in how many steps time passed, who took them, nor what was lost in between."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.composition import Composition
from models import Group
from models.engine.database import Database
from models.ids import to_global_id
from resolvers.criteria.language.record_types import RecordType
from resolvers.grouping.groups import create_group
from resolvers.grouping.members import members
from resolvers.maintenance.clock import step
from resolvers.membership.clock import advance, turn_back
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context, Services
from resolvers.operation.scope import Scope
from resolvers.reading.paging import PageArguments
from resolvers.records.appointments import create_appointment
from resolvers.records.contacts import create_contact, delete_contact, update_contact
from resolvers.tagging.taggings import add_tags, remove_tags
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support import criteria_world as world
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.criteria_account import OWNER, set_moment
from tests.support.effort import examples
from tests.support.membership_world import OWNED
from tests.support.services import running_services

CONTACTS = 12
TAGS = tuple(world.TAGS)[:3]
TYPES = PRODUCT_WITH_DEALS.record_types.owned
PARTS = 4
AHEAD = timedelta(days=40, hours=5)
WHOLE = PageArguments(first=250)
LAWFUL = settings(
    max_examples=examples(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def composition() -> Composition:
    return PRODUCT_WITH_DEALS


# ---------------------------------------------------------------- criteria about time, about records near the present

_offset = st.fixed_dictionaries(
    {}, optional={"months": st.integers(-1, 1), "days": st.integers(-2, 2), "hours": st.integers(-30, 30), "minutes": st.integers(-50, 50)}
)
_day = world.one_key(named=world.named_days, today=st.fixed_dictionaries({}, optional={"days": st.integers(-3, 3)}))
_moment = world.one_key(now=_offset, day=_day)
_days = st.lists(_day, min_size=1, max_size=2)
_hours = st.fixed_dictionaries({"hours": st.integers(1, 50)})
_span = st.fixed_dictionaries({"days": st.integers(1, 3)})
_instant = world.one_key(
    **dict.fromkeys(("before", "onOrBefore", "after", "onOrAfter"), _moment),
    on=_days,
    notOn=_days,
    withinLast=_hours,
    withinNext=_hours,
    anniversary=world.anniversaries,
)
_date = world.one_key(
    **dict.fromkeys(("before", "onOrBefore", "after", "onOrAfter"), _day),
    on=_days,
    notOn=_days,
    withinLast=_span,
    withinNext=_span,
    anniversary=world.anniversaries,
)
_tagged = st.fixed_dictionaries({"tag": st.sampled_from([{"name": tag} for tag in TAGS]), "when": _instant})
_custom = st.one_of(
    st.fixed_dictionaries({"key": st.just("since"), "date": _date}), st.fixed_dictionaries({"key": st.just("called"), "dateTime": _instant})
)
_contact = world.one_key(createdAt=_instant, lastActivityAt=_instant, birthday=_date, taggedAt=_tagged, custom=_custom)
_owned = {each: world.one_key(**dict.fromkeys(world.INSTANTS[each], _instant)) for each in TYPES}


def _relation(owned: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return world.one_key(some=owned, none=owned, atLeast=st.fixed_dictionaries({"count": st.just(2), "where": owned}))


_relations = world.one_key(**{each.key: _relation(owned) for each, owned in _owned.items()})
contact_trees = world.tree_of(st.one_of(_contact, _contact, _relations), 1)
owned_trees = {each: world.tree_of(st.one_of(owned, world.one_key(contact=_contact)), 1) for each, owned in _owned.items()}

pauses = st.sampled_from(
    [timedelta(seconds=1), timedelta(minutes=29), timedelta(hours=1), timedelta(hours=7), timedelta(days=1), timedelta(days=31)]
)
writes = st.one_of(
    st.tuples(st.just("hear"), st.integers(1, CONTACTS), st.integers(-30, 30)),
    st.tuples(st.sampled_from(["tag", "untag"]), st.integers(1, CONTACTS), st.sampled_from(TAGS)),
    st.tuples(st.just("postpone"), st.sampled_from(TYPES), st.integers(0, 20), st.integers(-30, 30)),
    st.tuples(st.just("forget"), st.integers(1, CONTACTS)),
)


@dataclass(frozen=True)
class Scene:
    """Where and when it begins, who is there, what is asked of them, and what happens."""

    beginning: datetime
    zone: ZoneInfo
    seed: int
    trees: tuple[Any, Any]
    owned_trees: dict[RecordType, Any]
    history: list[tuple[timedelta, tuple[Any, ...] | None]]


scenes = st.builds(
    Scene,
    beginning=st.builds(lambda now, hours: now - timedelta(hours=hours), st.sampled_from(world.NOWS), st.integers(0, 30)),
    zone=st.sampled_from(world.ZONES),
    seed=st.integers(0, 2**16),
    trees=st.tuples(contact_trees, contact_trees),
    owned_trees=st.fixed_dictionaries(owned_trees),
    history=st.lists(st.tuples(pauses, st.none() | writes), min_size=1, max_size=5),
)


def records_near(moment: datetime, seed: int) -> list[world.Record]:
    """Contacts and what they own, of which nearly everything happens within two days of the moment."""
    chance = random.Random(seed)
    found = world.with_deals(world.contacts(seed, CONTACTS), seed)

    def soon() -> datetime:
        return moment + timedelta(minutes=chance.choice([-60, -1, 0, 1, 30, 60, chance.randint(-3000, 3000)]))

    for record in found:
        record |= {"groups": set(), "createdAt": soon(), "lastActivityAt": chance.choice([None, soon()])}
        record["birthday"] = chance.choice([None, soon().date(), soon().date().replace(year=1980, day=28)])
        record["tags"] = {tag: soon() for tag in TAGS if chance.random() < 0.5}
        record["custom"] |= {"called": soon(), "since": soon().date()}
        for each in TYPES:
            for owned in record[each.key]:
                owned |= {key: soon() if each.fields[key].required else chance.choice([None, soon()]) for key in world.INSTANTS[each]}
    return found


# ---------------------------------------------------------------- ways to let time pass


@dataclass(frozen=True)
class Passage:
    """One account, two processes, and the time that passes for both."""

    context: Context
    other: Services
    clock: DrivenClock

    async def through(self, scene: Scene, pause: "Pause") -> list[set[int]]:
        """The members of every group at the end of the scene, which are those that their criteria select."""
        database = self.context.services.database
        await Group.all().delete()
        await world.store(database, records_near(scene.beginning, scene.seed))
        self.clock.now = scene.beginning
        await set_moment(self.context, scene.beginning, scene.zone)
        groups = await self.define(scene)
        for duration, change in scene.history:
            await pause(self, duration)
            if change:
                await self.carry_out(*change)
        await step(self.other)
        assert await verify(database, self.other.definitions, world.ACCOUNT) == []
        return [await self.members(group) for group in groups]

    async def members(self, group: Group) -> set[int]:
        self.context.forget()
        page = await members(self.context, group, order=None, search=None, page=WHOLE)
        return {record.id for record in page.nodes}

    async def define(self, scene: Scene) -> list[Group]:
        """Groups of three levels: contacts, those who are not among them, and what those own."""
        first = await self._group({"contacts": scene.trees[0]})
        outside = {"group": {"memberOfNone": [to_global_id("Group", first.id)]}}
        second = await self._group({"contacts": {"all": [outside, scene.trees[1]]}})
        within = {"contact": {"group": {"memberOfAny": [to_global_id("Group", second.id)]}}}
        return [first, second, *[await self._group({each.key: {"all": [within, tree]}}) for each, tree in scene.owned_trees.items()]]

    async def _group(self, criteria: Any) -> Group:
        return await create_group(self.context, name="Law", criteria=criteria)

    async def carry_out(self, name: str, *arguments: Any) -> None:
        await getattr(self, name)(*arguments)

    async def hear(self, number: int, hours: int) -> None:
        if contact := await self._contact(number):
            await update_contact(self.context, contact_id=contact, fields={"last_activity_at": self.clock.now + timedelta(hours=hours)})

    async def tag(self, number: int, tag: str) -> None:
        if contact := await self._contact(number):
            await add_tags(self.context, contact_ids=[contact], tags=[{"name": tag}])

    async def untag(self, number: int, tag: str) -> None:
        if contact := await self._contact(number):
            await remove_tags(self.context, contact_ids=[contact], tags=[{"name": tag}])

    async def postpone(self, record_type: RecordType, number: int, hours: int) -> None:
        if found := await self.context.scope.records(record_type).order_by("id").offset(number).first():
            fields = [record_type.fields[key] for key in world.INSTANTS[record_type]]
            cleared = {each.column: None for each in fields if not each.required}
            kind, record_id = OWNED[record_type], to_global_id(record_type.type_name, found.id)
            await kind.update(self.context, record_id, cleared | {kind.time: self.clock.now + timedelta(hours=hours)})

    async def forget(self, number: int) -> None:
        if contact := await self._contact(number):
            await delete_contact(self.context, contact)

    async def _contact(self, number: int) -> str | None:
        return to_global_id("Contact", number) if await self.context.scope.contacts.filter(id=number).exists() else None


Pause = Callable[[Passage, timedelta], Awaitable[None]]


async def often(passage: Passage, pause: timedelta) -> None:
    """The clock steps again and again."""
    for _ in range(PARTS):
        passage.clock.now += pause / PARTS
        await step(passage.context.services)


async def leaderless(passage: Passage, pause: timedelta) -> None:
    """Nobody leads: the clock stands still while others write."""
    passage.clock.now += pause


async def crashing(passage: Passage, pause: timedelta) -> None:
    """The leader moves the clock, and dies before it has looked at what time passed over."""
    passage.clock.now += pause
    await advance(passage.context.services.database, passage.clock.now)


async def mistaken(passage: Passage, pause: timedelta) -> None:
    """The leader's clock is wrong for a while, and the command that turns it back dies before it has looked at what changed."""
    passage.clock.now += pause
    await step(passage.context.services, passage.clock.now + AHEAD)
    await turn_back(passage.context.services.database, passage.clock.now)


PAUSES = (often, leaderless, crashing, mistaken)


@LAWFUL
@given(scene=scenes)
async def test_one_step_is_many_steps_is_an_outage_is_a_step_that_was_taken_back(database: Database, scene: Scene) -> None:
    clock = DrivenClock(scene.beginning)
    async with running_services(database, clock) as here, running_services(database, clock) as there:
        passage = Passage(await _account(here), there, clock)
        outcomes = [await passage.through(scene, pause) for pause in PAUSES]
        assert all(outcome == outcomes[0] for outcome in outcomes)


async def _account(services: Services) -> Context:
    """The account of the world, which is there already in every example but the first."""
    context = Context(services, OWNER, Scope(world.ACCOUNT, OWNER.user_id, OWNER.role))
    if not await context.scope.account.exists():
        await world.prepare(services.database)
    return context


async def test_what_was_written_between_a_crash_and_the_next_step_is_judged_again(database: Database) -> None:
    clock = DrivenClock(NOON)
    async with running_services(database, clock) as services:
        context = await new_account(services)
        soon = {"appointments": {"startsAt": {"withinNext": {"hours": 1}}}}
        group = await create_group(context, name="Within the hour", criteria=soon)
        contact = to_global_id("Contact", (await create_contact(context, fields={})).id)
        clock.pass_(hours=1)
        await advance(database, clock.now)
        values = {"title": "Call", "starts_at": clock.now + timedelta(minutes=30)}
        await create_appointment(context, contact_id=contact, values=values)
        clock.pass_(hours=1)
        await step(services)
        assert await context.scope.group_events.filter(group_id=group.id).count() == 2
        assert await verify(database, services.definitions, context.caller.account_id) == []


async def test_the_clock_stands_still_until_all_is_settled(database: Database) -> None:
    clock = DrivenClock(NOON)
    async with running_services(database, clock) as services:
        await step(services)
        clock.pass_(seconds=1)
        span = await advance(database, clock.now)
        clock.pass_(seconds=1)
        assert await advance(database, clock.now) == span
        await step(services)
        settled, now = await advance(database, clock.now)
        assert settled == now > span[1]
