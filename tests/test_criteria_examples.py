"""The worked examples end to end, from the document to the rows. No query grows with, or shows, what clients write."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from models import Account, Appointment, Contact, Tag, Tagging
from models.engine.database import Database, Rows
from models.fields import to_microseconds
from models.text import fold_or_none
from resolvers.criteria.evaluation.facts import ContactFacts, OwnedFacts
from resolvers.criteria.evaluation.predicate import compile_predicate
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.mentions import Mention, mentions
from resolvers.criteria.language.names import load_vocabulary
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.tree import Tree
from resolvers.criteria.querying.query import criteria_query
from resolvers.criteria.rendering.sentence import sentence
from resolvers.criteria.semantics.time import Now
from tests.support.composition import RECORD_TYPES

CLIENTS: Any = {"contacts": {"all": [{"country": {"equals": ["Canada", "Mexico"]}}, {"tags": {"containsAny": [{"name": "Client"}]}}]}}
UPCOMING: Any = {"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}}
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PEOPLE = [("CANADA", True), (" mexico", True), ("Canada", False), ("Peru", True), (None, True), ("", True)]
STARTS = [NOON - timedelta(microseconds=1), NOON, NOON + timedelta(days=1)]


@pytest.fixture
async def now(database: Database) -> Now:
    """The moment at which the examples are looked at, in an account with some people, a tag and appointments."""
    account = await Account.create(name="Examples", timezone="America/Toronto", created_at=NOON, updated_at=NOON)
    tag = await Tag.create(account=account, name="Client", name_folded="client", created_at=NOON, updated_at=NOON)
    for country, tagged in PEOPLE:
        person = await Contact.create(
            account=account, country=country, country_folded=fold_or_none(country), created_at=NOON, updated_at=NOON
        )
        if tagged:
            await Tagging.create(account=account, contact=person, tag=tag, tagged_at=NOON)
    for start in STARTS:
        await Appointment.create(
            account=account,
            contact_id=1,
            title="Visit",
            title_folded="visit",
            status="SCHEDULED",
            starts_at=start,
            created_at=NOON,
            updated_at=NOON,
        )
    return Now(to_microseconds(NOON), (await load_vocabulary(database, RECORD_TYPES, account.id, [])).zone)


LIMITS = CriteriaLimits()


async def tree_of(database: Database, document: Any, limits: CriteriaLimits = LIMITS) -> Tree:
    return parse(document, await load_vocabulary(database, RECORD_TYPES, 1, [document]), limits)


def statement(tree: Tree, now: Now, model: Any) -> str:
    """The SQL of a tree, without the engine's placeholders."""
    condition: str = model.filter(criteria_query(tree, now)).only("id").sql().partition(" WHERE ")[2]
    return condition


async def test_country_is_canada_or_mexico_and_tags_contain_client(database: Database, now: Now) -> None:
    tree = await tree_of(database, CLIENTS)
    found = await Contact.filter(account_id=1).filter(criteria_query(tree, now)).order_by("id")
    assert [contact.country for contact in found] == ["CANADA", " mexico"]
    predicate = compile_predicate(tree)
    facts = [ContactFacts(1, {"country_folded": fold_or_none(country)}, tags={1: 0} if tagged else {}) for country, tagged in PEOPLE]
    assert [predicate(each, now) for each in facts] == [True, True, False, False, False, False]
    names = await load_vocabulary(database, RECORD_TYPES, 1, [tree.document])
    assert sentence(tree, names) == "Country is Canada or Mexico, and tags contain Client"
    assert mentions(tree) == {Mention("contact", "country_folded"), Mention("tag", 1)}


async def test_appointments_that_start_now_or_later(database: Database, now: Now) -> None:
    tree = await tree_of(database, UPCOMING)
    later = Now(now.instant_us + 1, now.zone)
    predicate, contact = compile_predicate(tree), ContactFacts(1, {})
    for moment, expected in ((now, [False, True, True]), (later, [False, False, True])):
        found = await Appointment.filter(account_id=1).filter(criteria_query(tree, moment)).values_list("starts_at", flat=True)
        assert [start in found for start in STARTS] == expected
        facts = [OwnedFacts(1, {"starts_at": to_microseconds(start)}, contact) for start in STARTS]
        assert [predicate(each, moment) for each in facts] == expected
    assert sentence(tree, await load_vocabulary(database, RECORD_TYPES, 1, [tree.document])) == "Starts now or later"
    assert mentions(tree) == {Mention("appointment", "starts_at")}


async def test_renaming_a_tag_changes_the_sentence_and_nothing_else(database: Database, now: Now) -> None:
    tree = await tree_of(database, CLIENTS)
    await Tag.filter(id=1).update(name="Customer", name_folded="customer")
    names = await load_vocabulary(database, RECORD_TYPES, 1, [tree.document])
    assert parse(tree.document, names, CriteriaLimits(), stored=True) == tree
    assert sentence(tree, names) == "Country is Canada or Mexico, and tags contain Customer"


async def test_the_opposite_of_a_query_is_everybody_else(database: Database, now: Now) -> None:
    query = criteria_query(await tree_of(database, CLIENTS), now)
    assert await Contact.filter(query).count() == 2
    assert await Contact.filter(~query).count() == len(PEOPLE) - 2
    assert await Contact.filter(~~query).count() == 2


HOSTILE = ["'; DROP TABLE contacts; --", '" OR 1=1 --', "$1", "?", ":now", "%", "_", "\\", "*", "{}", "%(x)s"]


@pytest.mark.parametrize("operator", ["equals", "contains", "startsWith", "endsWith"])
@pytest.mark.parametrize("values", [["'; DROP TABLE contacts; --"], HOSTILE])
async def test_no_value_reaches_the_text_of_a_query(database: Database, now: Now, operator: str, values: list[str]) -> None:
    harmless = list("acegikmoqsuwy"[: len(values)])
    texts = [statement(await tree_of(database, {"contacts": {"country": {operator: each}}}), now, Contact) for each in (values, harmless)]
    assert texts[0] == texts[1]
    tree = await tree_of(database, {"contacts": {"country": {operator: values}}})
    assert await Contact.filter(criteria_query(tree, now)).count() == 0


async def test_the_number_of_parameters_does_not_grow_with_the_number_of_values(database: Database, now: Now) -> None:
    many = [f"value {index}" for index in range(1000)]
    leaf = {"any": [{"country": {operator: many}} for operator in ("equals", "contains", "startsWith", "endsWith")]}
    tree = await tree_of(database, {"contacts": {"all": [leaf] * 60}}, CriteriaLimits(patterns=60 * 2 * len(many)))
    text = statement(tree, now, Contact)
    assert text.count("?") + text.count("$") < 1000
    assert await Contact.filter(criteria_query(tree, now)).count() == 0


@dataclass(frozen=True)
class CountingDatabase(Database):
    """The database, with a list of what it was asked in each round trip."""

    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def answers(self, *texts: str, **values: Any) -> list[Rows]:
        self.asked.append(texts)
        return await super().answers(*texts, **values)


@pytest.mark.parametrize("documents", [[CLIENTS], [CLIENTS, UPCOMING] * 50])
async def test_names_are_read_in_one_round_trip_however_many_documents_there_are(
    database: Database, now: Now, documents: list[Any]
) -> None:
    counting = CountingDatabase(database.engine, database.path, database.context)
    assert (await load_vocabulary(counting, RECORD_TYPES, 1, documents)).tags == {1: "Client"}
    assert [len(texts) for texts in counting.asked] == [5]


async def test_only_the_names_of_the_account_are_known(database: Database, now: Now) -> None:
    other = await Account.create(name="Other", timezone="UTC", created_at=NOON, updated_at=NOON)
    names = await load_vocabulary(database, RECORD_TYPES, other.id, [CLIENTS, {"id": "VGFnOjE"}])
    assert (names.tags, names.tags_by_name) == ({}, {})
