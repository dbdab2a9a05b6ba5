"""The law of criteria: query, predicate and the meaning written down a second time agree on every tree and every record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.composition import Composition
from models.engine.database import Database
from models.fields import to_microseconds
from models.orm.sql import Sql
from resolvers.criteria.evaluation.predicate import compile_predicate
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.querying.lists import Way, choice
from resolvers.criteria.querying.query import NONE, Lists
from resolvers.criteria.semantics.time import Now
from resolvers.reading.selection import Criterion, Selection
from tests.deals.composition import PRODUCT_WITH_DEALS
from tests.support import criteria_world as world
from tests.support.criteria_reference import Reference
from tests.support.effort import examples

Case = tuple[dict[str, Any], tuple[datetime, ZoneInfo]]

PEOPLE = 40
cases = st.lists(st.tuples(world.documents_with_deals, world.moments_of_evaluation), min_size=20, max_size=30)
slow_but_thorough = settings(
    max_examples=examples(40),
    phases=[Phase.generate],  # each example is a whole database: shrinking one takes longer than reading the document it fails on
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.fixture
def composition() -> Composition:
    return PRODUCT_WITH_DEALS


@pytest.fixture
async def prepared(database: Database) -> Database:
    await world.prepare(database)
    return database


def read_twice(document: dict[str, Any], zone: ZoneInfo) -> Tree:
    """The tree as it is read back from storage, after some of the names that it was accepted with have gone."""
    types = PRODUCT_WITH_DEALS.record_types
    accepted = parse(document, world.vocabulary(zone, with_gone=True, record_types=types), CriteriaLimits())
    return parse(accepted.document, world.vocabulary(zone, with_gone=False, record_types=types), CriteriaLimits(), stored=True)


async def selected(criterion: Criterion, way: Way) -> set[int]:
    selection: Selection[Any] = Selection(criterion.tree.record_type.model.filter(account_id=world.ACCOUNT), criterion)
    found = [record.id for record in await selection.found(way).only("id")]
    assert len(found) == len(set(found))
    return set(found)


def some_of(lists: Sequence[Sql], chance: int) -> Lists:
    """About half of the lists, another half for each chance."""
    return frozenset(number for number in range(len(lists)) if chance >> (number % 32) & 1)


def related(levels: int) -> Any:
    """Conditions on appointments whose contact has appointments whose contact has such ones, and so on."""
    if levels == 0:
        return world.appointment_leaf
    inner = related(levels - 1)
    relation = world.one_key(some=inner, none=inner, atLeast=st.fixed_dictionaries({"count": st.integers(1, 2), "where": inner}))
    contact = world.one_key(contact=world.one_key(appointments=relation))
    return contact if levels > 1 else st.one_of(contact, world.one_key(not_=contact))


nested = st.integers(1, 3).flatmap(related)
nested_documents = world.one_key(contacts=world.one_key(appointments=world.one_key(some=nested, none=nested)), appointments=related(3))
nested_cases = st.lists(st.tuples(nested_documents, world.moments_of_evaluation), min_size=10, max_size=15)


@slow_but_thorough
@given(seed=st.integers(0, 2**32), cases=cases)
async def test_query_predicate_and_reference_agree(prepared: Database, seed: int, cases: Sequence[Case]) -> None:
    await agree(prepared, seed, cases)


@slow_but_thorough
@given(seed=st.integers(0, 2**32), cases=nested_cases)
async def test_they_agree_on_relations_within_each_other(prepared: Database, seed: int, cases: Sequence[Case]) -> None:
    await agree(prepared, seed, cases)


async def agree(prepared: Database, seed: int, cases: Sequence[Case]) -> None:
    people = world.with_deals(world.contacts(seed, PEOPLE), seed)
    await world.store(prepared, people)
    known = [world.facts(person) for person in people]
    for document, (moment, zone) in cases:
        tree, now = read_twice(document, zone), Now(to_microseconds(moment), zone)
        kind = tree.record_type
        records = people if kind is CONTACT else [owned for person in people for owned in person[kind.key]]
        reference = Reference(moment, zone)
        expected = {record["id"] for record in records if reference.holds(document, record)}
        predicate = compile_predicate(tree)
        judged: list[Any] = known if kind is CONTACT else [owned for person in known for owned in person.owned[kind]]
        assert {found.id for found in judged if predicate(found, now)} == expected, document
        choices = choice(prepared, tree, now)
        longs = {NONE, frozenset(range(len(choices.lists))), some_of(choices.lists, seed)}
        for way in [*map(Way, longs), *(Way(start=start) for start in choices.starts.values())]:
            assert await selected(Criterion(prepared, tree, now), way) == expected, (document, way)
