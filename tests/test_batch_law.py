"""The law of batches: contacts that changed in the same way are evaluated correctly, together or one by one, with the same result."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.composition import Composition
from models import ChangeCause, FieldType
from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.bulk.bulk_change import BulkChange, Document, Outcome
from resolvers.bulk.editing import FieldChange
from resolvers.bulk.tagging import TagChange
from resolvers.criteria.evaluation.predicate import compile_predicate
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.semantics.time import Now
from resolvers.membership.batch.batch_query import RecordBatch, query_batch
from resolvers.membership.batch.partial_evaluation import simplify
from resolvers.membership.change import Change, CommonTags
from resolvers.membership.rebuilding.verify import find_discrepancies
from resolvers.records.appointments import APPOINTMENT
from resolvers.records.fields import create_custom_field
from resolvers.values.custom_values import stored_values
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support import criteria_world as world
from tests.support.batches import Judge, Members, one_by_one, together, tried
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.effort import examples
from tests.support.membership_world import COUNTRIES, CRITERIA, FIELDS, HOURS, TAGS, World
from tests.support.services import running_services

PEOPLE = 30
cases = st.lists(st.tuples(world.documents, world.moments_of_evaluation), min_size=10, max_size=20)
thorough = settings(
    max_examples=examples(25),
    phases=[Phase.generate],  # each example is a whole database: shrinking one takes longer than reading the document it fails on
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
CELLS = st.fixed_dictionaries(
    {},
    optional={
        "country": st.sampled_from(COUNTRIES),
        "company": st.sampled_from(["a_b", None]),
        "last_activity_at": st.none() | HOURS.map(lambda hours: to_microseconds(DrivenClock()() + timedelta(hours=hours))),
    },
)
PLANS = st.sampled_from(["Gold", "Silver", None])  # of a custom field
ON_PLAN = st.sampled_from([{"equals": ["gold"]}, {"startsWith": ["s"]}, {"isEmpty": True}, {"isEmpty": False}]).map(
    lambda text: {"custom": {"key": "plan", "text": text}}
)
ON_PLANS = st.one_of(
    ON_PLAN.map(lambda leaf: {"contacts": leaf}),
    ON_PLAN.map(lambda leaf: {"contacts": {"not": leaf}}),
    ON_PLAN.map(lambda leaf: {"appointments": {"contact": leaf}}),
)

MEMBERS = "SELECT set_id, record_id FROM group_members WHERE account_id = :account"


@pytest.fixture
def composition() -> Composition:
    return PRODUCT_WITH_DEALS


@pytest.fixture
async def prepared(database: Database) -> Database:
    await world.prepare(database)
    return database


def read(document: dict[str, Any], zone: ZoneInfo) -> Tree:
    accepted = parse(document, world.vocabulary(zone, with_gone=True), CriteriaLimits())
    return parse(accepted.document, world.vocabulary(zone, with_gone=False), CriteriaLimits(), stored=True)


def common_tags(people: list[Any]) -> CommonTags:
    """All tags that everybody carries, and all others that nobody does."""
    carried = [frozenset(facts.tags) for facts in people]
    every = frozenset(range(1, 20))
    return CommonTags(frozenset.intersection(*carried), every - frozenset.union(*carried))


@thorough
@given(seed=st.integers(0, 2**32), cases=cases, similar=st.integers(1, 6))
async def test_a_sieve_keeps_the_records_for_which_the_predicate_holds(
    prepared: Database, seed: int, cases: list[tuple[dict[str, Any], tuple[datetime, ZoneInfo]]], similar: int
) -> None:
    people = world.contacts(seed, PEOPLE)
    await world.store(prepared, people)
    for number, (document, (moment, zone)) in enumerate(cases):
        tree, now = read(document, zone), Now(to_microseconds(moment), zone)
        first = number % PEOPLE
        chosen = [world.facts(person) for person in people[first : first + similar]]
        records: list[Any] = chosen if tree.record_type is CONTACT else [a for person in chosen for a in person.owned[APPOINTMENT]]
        batch = RecordBatch(prepared, tree.record_type, [record.id for record in records], now)
        expected = {record.id for record in records if compile_predicate(tree)(record, now)}
        assert set((await query_batch(batch, {1: tree}))[1]) == expected, document
        left = simplify(tree.root, common_tags(chosen))
        assert await answered(batch, tree, left) == expected, document


async def answered(batch: RecordBatch, tree: Tree, left: Any) -> set[int]:
    if isinstance(left, bool):
        return set(batch.ids) if left else set()
    rest = Tree(tree.account_id, tree.record_type, left, tree.document)
    return set((await query_batch(batch, {1: rest}))[1])


async def members_after(account: World, bulk_change: BulkChange, judge: Judge) -> list[Members]:
    """The members of all groups after every other contact has been changed, and after that was undone. None of it is kept."""
    contacts = [contact.id for contact in await account.context.scope.contacts.order_by("id")][::2]
    found: list[Members] = []

    async def judged(work: Callable[[Change], Awaitable[Outcome]]) -> Outcome:
        services, account_id = account.context.services, account.context.caller.account_id
        change = Change(services.database, account_id, None, ChangeCause.BULK_ACTION, account.clock())
        await change.lock_contacts(contacts)
        outcome = await work(change)
        await judge(change, await services.definitions.current(services.database, account_id))
        assert [each for each in await find_discrepancies(services.database, services.definitions, account_id) if not each.in_log] == []
        found.append({(row["set_id"], row["record_id"]) for row in await services.database.rows(MEMBERS, account=account_id)})
        return outcome

    async with tried(account.context.services.database):
        inverse = (await judged(lambda change: bulk_change.apply(change, contacts))).inverse or {}
        await judged(lambda change: bulk_change.revert(change, inverse))
    return found


@thorough
@given(
    people=st.lists(
        st.tuples(FIELDS, PLANS, st.lists(st.sampled_from(TAGS), max_size=2, unique=True), st.booleans()), min_size=3, max_size=8
    ),
    criteria=st.lists(CRITERIA | ON_PLANS, min_size=3, max_size=8),
    nested=st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["memberOfAny", "memberOfNone"])), max_size=3),
    sides=st.tuples(*[st.integers(0, 2)] * len(TAGS)).filter(any),
    sets=st.tuples(CELLS, PLANS, st.booleans()).filter(lambda drawn: drawn[0] or drawn[2]),
)
async def test_judging_together_and_one_by_one_lead_to_the_same_members(
    *,
    database: Database,
    people: list[Any],
    criteria: list[Any],
    nested: list[Any],
    sides: tuple[int, ...],
    sets: tuple[Document, str | None, bool],
) -> None:
    async with running_services(database, DrivenClock()) as services:
        account = World(await new_account(services), DrivenClock())
        await account.ensure_tags()
        plan = await create_custom_field(account.context, key="plan", label="Plan", type=FieldType.TEXT)
        for number, (fields, planned, tags, appointed) in enumerate(people):
            await account.run("create_contact", fields | {"custom_fields": {"plan": planned}}, tags)
            if appointed:
                await account.run("create_owned", APPOINTMENT, number, {"title": "Call", "starts_at": number})
        for each in criteria:
            await account.run("create_group", each)
        for number, operator in nested:
            await account.run("nest_group", number, operator)
        ids = [tag.id for tag in await account.context.scope.tags.order_by("id")]
        add, remove = (tuple(tag for tag, side in zip(ids, sides, strict=True) if side == wanted) for wanted in (1, 2))
        cells, value, sets_plan = sets
        field_change = FieldChange(cells, {plan.id: stored_values(plan, value)} if sets_plan else {})
        changes: list[BulkChange] = [TagChange(add, remove), field_change]
        for change in changes:
            assert await members_after(account, change, together) == await members_after(account, change, one_by_one)
