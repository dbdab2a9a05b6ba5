"""The readers' reference of criteria: complete, and true in every example, table, message, statement and plan."""

import json
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
from graphql import GraphQLInputObjectType, GraphQLNamedType, get_named_type, is_input_object_type, validate
from graphql import parse as parse_graphql
from graphql.utilities import coerce_input_value
from tortoise.queryset import QuerySet

from app.settings import described
from models import Account, Appointment, AppointmentStatus, Contact, Tag, Tagging
from models.engine.database import Database
from models.errors import Problem, ProblemCode, Refused
from models.fields import from_day_number, to_microseconds
from models.text import fold
from resolvers.criteria.diagnostics.diagnose import Diagnostic, DiagnosticCode, diagnose
from resolvers.criteria.evaluation.facts import ContactFacts, OwnedFacts
from resolvers.criteria.evaluation.predicate import compile_predicate
from resolvers.criteria.language.fields import CUSTOM_KINDS, Family, RecordField
from resolvers.criteria.language.limits import CriteriaLimits
from resolvers.criteria.language.names import Vocabulary, load_vocabulary
from resolvers.criteria.language.operators import OPERATORS
from resolvers.criteria.language.parse import parse
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.criteria.language.tree import conditions
from resolvers.criteria.querying.query import criteria_query
from resolvers.criteria.rendering.sentence import sentence
from resolvers.criteria.semantics.time import NamedDay, Now, Offset, day_number, shifted
from resolvers.operation.context import Context
from schema.strawberry_adapter import graphql_schema
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.composition import RECORD_TYPES
from tests.support.criteria_page import DIAGNOSED, ENTRIES, EXAMPLES, READ, REFERENCE, about, entry
from tests.support.graphql import ask, schema
from tests.support.services import running_services

GOLDEN = Path(__file__).parent / "golden" / "criteria"
BERLIN = ZoneInfo("Europe/Berlin")
LIMITS = CriteriaLimits()
MISSING = re.compile(r"\*Missing: (no match|match)\.\*")

# ---------------------------------------------------------------- completeness


def _input_types(root: str = "CriteriaInput") -> dict[str, set[str]]:
    """The keys of every input type that criteria consist of."""
    found: dict[str, set[str]] = {}
    waiting: list[GraphQLNamedType | None] = [graphql_schema(schema()).get_type(root)]
    while waiting:
        reached = waiting.pop()
        if is_input_object_type(reached) and reached.name not in found:
            found[reached.name] = set(reached.fields)
            waiting += [get_named_type(each.type) for each in reached.fields.values()]
    return found


INPUT_TYPES = _input_types()
TYPES: dict[Family, str] = {
    Family.TEXT: "TextCondition",
    Family.NUMBER: "NumberCondition",
    Family.WHOLE_NUMBER: "NumberCondition",
    Family.DATE: "DateCondition",
    Family.DATE_TIME: "DateTimeCondition",
    Family.BOOLEAN: "BooleanCondition",
    Family.CHOICE: "ChoiceCondition",
    Family.REFERENCE: "ReferenceCondition",
    Family.STATUS: "AppointmentStatusCondition",
    Family.TAGS: "TagCondition",
    Family.GROUPS: "GroupCondition",
}


@pytest.mark.parametrize("type_name", sorted(INPUT_TYPES))
def test_every_key_of_the_input_is_explained_and_nothing_else_is(type_name: str) -> None:
    assert set().union(*(each.keys for each in about(type_name))) == INPUT_TYPES[type_name]


@pytest.mark.parametrize("type_name", sorted({*TYPES.values(), "AppointmentRelation", "AnniversaryCondition"}))
def test_every_operator_has_its_heading_and_every_heading_its_operator(type_name: str) -> None:
    assert {each.key for each in about(type_name) if each.key} == INPUT_TYPES[type_name]
    assert all(OPERATORS[family].keys() == INPUT_TYPES[TYPES[family]] for family in OPERATORS)


def _takes(field: RecordField) -> str:
    words = {Family.WHOLE_NUMBER: "number", Family.DATE: "day", Family.DATE_TIME: "instant", Family.REFERENCE: "user"}
    return words.get(field.family, field.family.value)


@pytest.mark.parametrize("record_type", RECORD_TYPES.all)
def test_every_field_is_listed_as_sentences_call_it(record_type: RecordType) -> None:
    title = f"Fields of {record_type.key}: `{record_type.type_name}Criteria`"
    listed = {row[0].strip("`"): row for row in entry(title).rows("key")}
    for field in record_type.fields.values():
        _, called, takes = listed[field.key]
        assert called == (field.verb[0].capitalize() if field.verb else field.label)
        assert re.match(rf"\[?{_takes(field)}\b", takes)
        assert ("never missing" in takes) is field.required


def test_every_type_of_custom_field_is_listed_with_its_condition() -> None:
    rows = {row[0].strip("`"): row[1] for row in entry("Custom fields: `CustomFieldCondition`").rows("key")}
    listed = {kind: key for key, cell in rows.items() for kind in cell.split(", ") if cell}
    assert listed == {kind.value: each.family.value for kind, each in CUSTOM_KINDS.items()}


def test_every_status_and_code_and_limit_is_named() -> None:
    assert {*DiagnosticCode, *AppointmentStatus} <= set(re.findall(r"`(\w+)`", REFERENCE))
    raised = {"INVALID", "NOT_FOUND", "NEGATIVE_UNDER_ANY", "TOO_COMPLEX", "CYCLE", "IN_USE"}
    assert raised <= {each.title for each in ENTRIES} & set(ProblemCode)
    settings = {name: default for name, default, _ in described() if name.startswith("MUSTER_CRITERIA_")}
    assert {row[0].strip("`"): row[1] for row in entry("Limits").rows("setting")} == settings


# ---------------------------------------------------------------- examples

FURNISH = """
mutation {
  updateAccount(input: {timezone: "Europe/Berlin"}) { userErrors { code } }
  ann: createUser(input: {name: "Ann", email: "ann@example.com", role: EDITOR}) { userErrors { code } }
  bob: createUser(input: {name: "Bob", email: "bob@example.com", role: EDITOR}) { userErrors { code } }
  client: createTag(input: {name: "Client"}) { userErrors { code } }
  vip: createTag(input: {name: "VIP"}) { userErrors { code } }
  newsletter: createTag(input: {name: "Newsletter"}) { userErrors { code } }
  nickname: createCustomField(input: {key: "nickname", label: "Nickname", type: TEXT}) { userErrors { code } }
  points: createCustomField(input: {key: "points", label: "Points", type: NUMBER}) { userErrors { code } }
  renewal: createCustomField(input: {key: "renewal", label: "Renewal", type: DATE}) { userErrors { code } }
  call: createCustomField(input: {key: "last_call", label: "Last call", type: DATE_TIME}) { userErrors { code } }
  agreed: createCustomField(input: {key: "agreed", label: "Agreed", type: CHECKBOX}) { userErrors { code } }
  plan: createCustomField(input: {key: "plan", label: "Plan", type: DROPDOWN, choices: ["Free", "Pro", "Team"]}) { userErrors { code } }
  interests: createCustomField(input: {key: "interests", label: "Interests", type: LIST, choices: ["Chess", "Go"]}) { userErrors { code } }
  gold: createGroup(input: {name: "Gold", criteria: {contacts: {spent: {greaterOrEqual: "1000"}}}}) { userErrors { code } }
  silver: createGroup(input: {name: "Silver", criteria: {contacts: {group: {memberOfAny: ["R3JvdXA6MQ"]}}}}) { userErrors { code } }
}
"""


@pytest.fixture
async def owner(database: Database) -> AsyncIterator[Context]:
    """The owner of the account that the examples are about."""
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        assert all(payload == {"userErrors": []} for payload in (await ask(context, FURNISH)).values())
        yield context


@pytest.fixture
async def names(owner: Context) -> Vocabulary:
    return await load_vocabulary(owner.services.database, RECORD_TYPES, owner.caller.account_id, [example.document for example in EXAMPLES])


async def test_every_example_is_accepted_and_reads_as_it_says(names: Vocabulary) -> None:
    criteria = cast(GraphQLInputObjectType, graphql_schema(schema()).get_type("CriteriaInput"))
    for document, says, _ in READ:
        coerce_input_value(document, criteria)
        assert sentence(parse(document, names, LIMITS), names) == says


async def test_every_operator_is_shown_where_it_is_explained(names: Vocabulary) -> None:
    shown = {(type_name, example.entry.key) for example in READ for type_name in example.entry.types if example.entry.key}
    assert shown >= {(TYPES[family], name) for family, rows in OPERATORS.items() for name in rows}
    assert all(f'"{example.entry.key}"' in json.dumps(example.document) for example in READ if example.entry.key)
    asked = {condition.operator for example in READ for condition in conditions(parse(example.document, names, LIMITS))}
    assert asked >= {row for family in (Family.DATE, Family.DATE_TIME) for row in OPERATORS[family].values()}


async def test_a_missing_value_does_what_each_entry_says(names: Vocabulary) -> None:
    nobody = ContactFacts(0, defaultdict(lambda: None))
    nothing = OwnedFacts(0, defaultdict(lambda: None), nobody)
    for document, _, explained in READ:
        if explained.key in (None, "all", "any", "not") or "*Never missing.*" in explained.body:
            continue
        tree = parse(document, names, LIMITS)
        matches = compile_predicate(tree)(nobody if tree.record_type is CONTACT else nothing, Now(to_microseconds(NOON), BERLIN))
        assert MISSING.findall(explained.body) == ["match" if matches else "no match"], document


async def test_every_diagnostic_and_refusal_is_the_one_that_is_shown(names: Vocabulary) -> None:
    for document, says, explained in DIAGNOSED:
        found: Sequence[Diagnostic | Problem]
        if explained.title == "Diagnostics":
            found = diagnose(parse(document, names, LIMITS, stored=True), names)
        else:
            with pytest.raises(Refused) as refused:
                parse(document, names, LIMITS)
            found = refused.value.problems
        assert f"{found[0].code} at `{'.'.join(found[0].path)}`: {found[0].message}" == says


async def test_what_only_several_groups_can_break_is_refused_as_shown(owner: Context) -> None:
    circle = """mutation { updateGroup(input: {id: "R3JvdXA6MQ", criteria: {contacts: {group: {memberOfAny: ["R3JvdXA6Mg"]}}}})
        { userErrors { code path message } } }"""
    deletion = 'mutation { deleteGroup(id: "R3JvdXA6MQ") { userErrors { code path message } } }'
    for mutation in (circle, deletion):
        (payload,) = (await ask(owner, mutation)).values()
        (error,) = payload["userErrors"]
        assert f"> {error['code']} at `{'.'.join(error['path'])}`: {error['message']}" in entry(error["code"]).body


def test_every_link_within_leads_to_a_heading() -> None:
    anchors = {re.sub(r"[^\w -]", "", each.title.lower()).replace(" ", "-") for each in ENTRIES}
    assert set(re.findall(r"\]\(#(.+?)\)", REFERENCE)) <= anchors


def test_every_graphql_document_is_valid() -> None:
    for document in re.findall(r"^```graphql\n(.+?)^```$", REFERENCE, re.MULTILINE | re.DOTALL):
        assert validate(graphql_schema(schema()), parse_graphql(document)) == []


# ---------------------------------------------------------------- tables


def test_texts_are_folded_as_the_table_says() -> None:
    for stored, asked, same in entry("Text: `TextCondition`").rows("stored"):
        assert (fold(stored.strip("`")) == fold(asked.split("`")[1])) is (same == "yes"), stored


def test_named_days_are_those_of_the_table() -> None:
    now = Now(to_microseconds(datetime(2026, 3, 31, 12, tzinfo=BERLIN)), BERLIN)
    listed = {row[0].strip("`"): date.fromisoformat(row[1]) for row in entry("Named days: `NamedDay`").rows("name")}
    assert listed == {name.value: from_day_number(day_number(name, now)) for name in NamedDay}


def test_offsets_come_to_what_the_table_says() -> None:
    for now, offset, result, _ in entry("Offsets: `Offset`").rows("now"):
        instant = Now(to_microseconds(datetime.fromisoformat(now)), BERLIN)
        assert shifted(instant, Offset(**json.loads(offset.strip("`")))) == to_microseconds(datetime.fromisoformat(result)), now


# ---------------------------------------------------------------- statements and plans

QUERIES = {"clients": "Country is Canada or Mexico, and tags contain Client", "upcoming": "Starts now or later"}
CONTACTS = 5000
INDEXES = {
    "sqlite": "SELECT m.name, (SELECT group_concat(i.name, ', ') FROM pragma_index_info(m.name) i) AS columns FROM sqlite_master m",
    "postgresql": r"SELECT indexname AS name, substring(indexdef FROM '\((.*)\)') AS columns FROM pg_indexes",
}


@pytest.fixture
async def populated(database: Database) -> Database:
    """Some thousand contacts, 8 % of them in the two countries and 5 % tagged, and as many appointments, 10 % of them ahead."""
    account = await Account.create(name="Examples", timezone="Europe/Berlin", created_at=NOON, updated_at=NOON)
    common: dict[str, Any] = {"account_id": account.id, "created_at": NOON, "updated_at": NOON}
    numbers = range(1, CONTACTS + 1)
    countries = ["canada", "mexico", *(f"country {number}" for number in range(23))]
    for number, name in enumerate(("Client", "Newsletter"), start=1):
        await Tag.create(id=number, name=name, name_folded=fold(name), **common)
    await Contact.bulk_create([Contact(id=n, country_folded=countries[n % len(countries)], **common) for n in numbers])
    carried = [(n, tag) for n in numbers for tag in ((1, 2) if n % 20 == 0 else (2,))]
    await Tagging.bulk_create([Tagging(account_id=account.id, contact_id=n, tag_id=tag, tagged_at=NOON) for n, tag in carried])
    starts = [NOON + timedelta(hours=n - CONTACTS * 0.9) for n in numbers]
    visit: dict[str, Any] = {"title": "Visit", "title_folded": "visit", "status": "SCHEDULED", **common}
    await Appointment.bulk_create([Appointment(contact_id=n, starts_at=start, **visit) for n, start in zip(numbers, starts, strict=True)])
    await database.rows("ANALYZE" if database.engine == "sqlite" else "VACUUM ANALYZE")
    return database


async def _statement(database: Database, document: dict[str, Any]) -> tuple[str, list[Any]]:
    """The statement that fills a group with these criteria, and its parameters."""
    tree = parse(document, await load_vocabulary(database, RECORD_TYPES, 1, [document]), LIMITS)
    model: Any = Contact if tree.record_type is CONTACT else Appointment
    found: QuerySet[Any] = model.filter(account_id=1).filter(criteria_query(tree, Now(to_microseconds(NOON), BERLIN))).only("id")
    found._choose_db_if_not_chosen()
    found._make_query()
    text, parameters = found.query.get_parameterized_sql(found.query.QUERY_CLS.SQL_CONTEXT)
    return text, parameters


async def _plan(database: Database, statement: str, parameters: Sequence[Any]) -> str:
    """The steps that read a table, each index called by its columns, because its own name says nothing."""
    explain = "EXPLAIN QUERY PLAN" if database.engine == "sqlite" else "EXPLAIN (COSTS OFF)"
    rows = await database.connection.execute_query_dict(f"{explain} {statement}", list(parameters))
    lines = [str(row.get("detail") or row.get("QUERY PLAN")) for row in rows]
    plan = "\n".join(line for line in lines if database.engine == "postgresql" or re.match("(SEARCH|SCAN) (?!json_each)", line))
    for index in await database.connection.execute_query_dict(INDEXES[database.engine]):
        plan = plan.replace(index["name"], f"[{index['columns']}]") if index["columns"] else plan
    return plan + "\n"


@pytest.mark.parametrize("name", QUERIES)
async def test_the_statements_and_plans_are_those_that_were_reviewed(populated: Database, name: str) -> None:
    document = next(example.document for example in EXAMPLES if example.says == QUERIES[name])
    statement, parameters = await _statement(populated, document)
    golden = GOLDEN / f"{name}.{populated.engine}.sql"
    assert statement == " ".join(golden.read_text().split())
    plan = await _plan(populated, statement, parameters)
    assert plan == golden.with_suffix(".txt").read_text()
    assert "INDEX" in plan.upper()
    assert not re.search(r"Seq Scan|^SCAN", plan, re.MULTILINE)


def test_the_reference_shows_the_statements_and_plans_that_were_reviewed() -> None:
    files = [GOLDEN / f"{name}.{engine}.{kind}" for name in QUERIES for engine in INDEXES for kind in ("sql", "txt")]
    shown = re.findall(r"^```(?:sql|text)\n(.+?)^```$", REFERENCE, re.MULTILINE | re.DOTALL)
    assert shown == [file.read_text() for file in files]
    assert set(files) == set(GOLDEN.iterdir())
