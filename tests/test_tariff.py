"""The tariff follows the work: the points of generated operations and the work that they cause differ by a factor of ten at most."""

import random
import sqlite3
from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

import pytest
from graphql import get_introspection_query, parse

from models.ids import to_global_id
from resolvers.criteria.language.fields import Family
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.operation.context import Context
from resolvers.records.appointments import APPOINTMENT
from schema import tariff
from schema.cost import OperationCost
from schema.limits import DocumentLimits
from schema.strawberry_adapter import graphql_schema
from tests.support.effort import examples
from tests.support.graphql import ask, schema
from tests.support.work import WorkCounter

CONTACTS = 3_000
SPREAD = 10  # between the cheapest and the dearest
WORDS = ("Alpha", "Bravo", "Carol", "Delta", "Echo", "Fox", "Golf", "Hotel")
IMPORT = "mutation ($rows: [UpsertContactInput!]!) { importContacts(input: {rows: $rows}) { created userErrors { message } } }"
CREATE_TAG = "mutation ($name: String!) { createTag(input: {name: $name}) { tag { id } userErrors { message } } }"
CREATE_GROUP = """
mutation ($name: String!, $where: ContactCriteria!) {
  createGroup(input: {name: $name, criteria: {contacts: $where}}) { group { id memberCount } userErrors { message } }
}
"""
CREATE_CONTACT = "mutation ($fields: ContactFields!) { createContact(input: {fields: $fields}) { contact { id } userErrors { message } } }"
ADD_TAGS = """
mutation ($ids: [ID!]!, $tags: [TagRef!]!) {
  addTags(input: {contactIds: $ids, tags: $tags, createMissing: true}) { changed userErrors { message } }
}
"""
CREATE_FIELD = """
mutation { createCustomField(input: {key: "points", label: "Points", type: NUMBER}) { userErrors { message } } }
"""
APPOINTMENTS = """
INSERT INTO appointments (account_id, contact_id, title, title_folded, status, starts_at, created_at, updated_at)
SELECT account_id, id, 'Call', 'call', 'SCHEDULED', created_at, created_at, created_at FROM contacts WHERE id % 3 = 0
"""
FIND = "query ($where: ContactCriteria) { contacts(where: $where) { totalCount } }"
PREVIEW = "query ($criteria: CriteriaInput!) { preview(criteria: $criteria) { %s } }"
PAGE = """
query ($first: Int) {
  contacts(first: $first) { nodes { id email firstName lastName company city country score customFields tags { id name } } }
}
"""

numbers = count(1)


class Operation(NamedTuple):
    """A document, and a function that makes the variables of a request, which must differ from one write to the next."""

    query: str
    variables: Callable[[], dict[str, Any]]


def row() -> dict[str, Any]:
    number = next(numbers)
    day = f"{1950 + number % 50}-{1 + number % 12:02}-{1 + number % 28:02}"
    texts = dict.fromkeys(("firstName", "lastName", "company", "city", "country", "address"), f"{WORDS[number % 8]} {number % 100}")
    fields = {**texts, "email": f"{number}@example.com", "score": number % 100, "birthday": day, "customFields": {"points": number % 50}}
    return {"fields": fields, "tags": [{"name": WORDS[number % 8]}, {"name": WORDS[number % 7]}], "createMissingTags": True}


def texts(size: int) -> list[str]:
    return [f"zz{number}" for number in range(size)]


def asked(query: str, **variables: Any) -> Operation:
    return Operation(query, lambda: variables)


def find(where: Any) -> Operation:
    return asked(FIND, where=where)


def find_any(size: int, leaf: Callable[[int], Any]) -> Operation:
    return find({"any": [leaf(number) for number in range(1, size + 1)]})


def contact_ids(size: int) -> list[str]:
    return [to_global_id("Contact", number) for number in range(1, size + 1)]


def aliased(size: int, field: str) -> Operation:
    return asked("{" + " ".join(f"n{number}: {field}" for number in range(size)) + "}")


FAMILIES: dict[str, tuple[Callable[[int], Operation], int]] = {
    "a small query": (lambda size: asked("{ viewer { role } }"), 1),
    "counts": (lambda size: aliased(size, "contacts { totalCount }"), 5),
    "a page": (lambda size: asked(PAGE, first=size), 100),
    "ids": (lambda size: asked("query ($n: Int) { contacts(first: $n) { nodes { id } } }", n=size), 250),
    "nodes": (lambda size: asked("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=contact_ids(size)), 250),
    "nodes that are no records": (
        lambda size: asked("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=[to_global_id("Account", 1)] * size),
        250,
    ),
    "introspection": (lambda size: asked(get_introspection_query()), 1),
    "names of types": (lambda size: aliased(size, "__schema { types { name } }"), 45),
    "fields of types": (lambda size: aliased(size, "__schema { types { name fields { name type { name } } } }"), 20),
    "suggestions": (lambda size: aliased(size, "segmentFields { key suggestions { value count } }"), 1),
    "equals": (lambda size: find({"city": {"equals": texts(size)}}), 1_000),
    "notEquals": (lambda size: find({"address": {"notEquals": texts(size)}}), 1_000),
    "numbers": (lambda size: find({"score": {"equals": list(range(size))}}), 1_000),
    "contains": (lambda size: find({"company": {"contains": texts(size)}}), 100),
    "endsWith": (lambda size: find({"email": {"endsWith": texts(size)}}), 100),
    "startsWith": (lambda size: find({"company": {"startsWith": texts(size)}}), 1_000),
    "conditions": (lambda size: find_any(size, lambda number: {"score": {"greaterThan": number}}), 100),
    "conditions with a pattern": (lambda size: find_any(size, lambda number: {"city": {"contains": [f"zz{number}"]}}), 50),
    "conditions on tags": (lambda size: find_any(size, lambda number: {"tags": {"containsAny": [{"name": WORDS[number % 8]}]}}), 30),
    "conditions on custom fields": (
        lambda size: find_any(size, lambda number: {"custom": {"key": "points", "number": {"greaterThan": number}}}),
        30,
    ),
    # More of these are dearer than their work on SQLite, because they are far slower on PostgreSQL.
    "appointments": (lambda size: find_any(size, lambda number: {"appointments": {"some": {"title": {"contains": [f"zz{number}"]}}}}), 10),
    "anniversaries": (lambda size: find_any(size, lambda number: {"birthday": {"anniversary": {"withinLastDays": 200 + number}}}), 2),
    "sentences": (lambda size: asked(PREVIEW % "criteriaText", criteria={"contacts": {"city": {"equals": texts(size)}}}), 1_000),
    "diagnostics": (lambda size: asked(PREVIEW % "diagnostics { code }", criteria={"contacts": {"city": {"equals": texts(size)}}}), 1_000),
    "new tags": (lambda size: Operation(CREATE_TAG, lambda: {"name": f"tag {next(numbers)}"}), 1),
    "new contacts": (lambda size: Operation(CREATE_CONTACT, lambda: {"fields": row()["fields"]}), 1),
    "imports": (lambda size: Operation(IMPORT, lambda: {"rows": [row() for _ in range(size)]}), 300),
    "taggings": (lambda size: Operation(ADD_TAGS, lambda: {"ids": contact_ids(size), "tags": [{"name": f"tag {next(numbers)}"}]}), 500),
    "new groups": (
        lambda size: Operation(CREATE_GROUP, lambda: {"name": f"Group {next(numbers)}", "where": {"city": {"contains": texts(size)}}}),
        100,
    ),
}
"""Kinds of operations, each with the function that makes one of a size, and the largest size."""


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> WorkCounter:
    """A counter of the work of this test."""
    made = WorkCounter()
    monkeypatch.setattr(sqlite3, "connect", made.connect)
    return made


@pytest.fixture
async def large(counter: WorkCounter, owner: Context) -> Context:
    """The owner of an account with some thousand contacts."""
    await ask(owner, CREATE_FIELD)
    for _ in range(CONTACTS // 1_000):
        await ask(owner, IMPORT, rows=[row() for _ in range(1_000)])
    await owner.services.database.rows(APPOINTMENTS)
    return owner


async def work_of_a_point(counter: WorkCounter, context: Context, operation: Operation) -> float:
    """How much work an operation causes for each of its points, when nothing of it has to be read for the first time."""
    await ask(context, operation.query, **operation.variables())
    variables = operation.variables()
    with counter.counting():
        await ask(context, operation.query, **variables)
    document = parse(operation.query)
    return counter.work / OperationCost(graphql_schema(schema()), DocumentLimits(), document, None).points(variables)


@pytest.mark.only("sqlite")
async def test_the_points_of_operations_follow_the_work_that_they_cause(counter: WorkCounter, large: Context) -> None:
    chance = random.Random(29)
    found: dict[str, float] = {}
    for name, (make, largest) in FAMILIES.items():
        drawn = {round(largest ** chance.random()) for _ in range(examples(1))}
        for size in sorted({largest, *drawn}):
            found[f"{name}, {size}"] = await work_of_a_point(counter, large, make(size))
    ordered = sorted(found.items(), key=lambda each: each[1])
    assert ordered[-1][1] < SPREAD * ordered[0][1], "\n".join(f"{each:6.1f} {name}" for name, each in ordered)


def test_texts_without_an_index_are_known_to_the_tariff() -> None:
    def coordinates(record_type: RecordType) -> set[str]:
        fields = record_type.fields.values()
        return {f"{record_type.type_name}Criteria.{each.key}" for each in fields if each.family is Family.TEXT and not each.indexed}

    assert coordinates(CONTACT) | coordinates(APPOINTMENT) | {"CustomFieldCondition.text"} == tariff.NOT_INDEXED


def test_every_name_in_the_tariff_is_one_of_the_schema() -> None:
    types = graphql_schema(schema()).type_map
    coordinates = {*tariff.FIELDS, *tariff.LISTS, *tariff.ELEMENTS, *tariff.OPERANDS, *tariff.SLOW_OPERANDS, *tariff.NOT_INDEXED}
    for coordinate in coordinates - {"totalCount"}:
        type_, _, key = coordinate.partition(".")
        assert key in types[type_].fields, coordinate  # type: ignore[attr-defined]  # it is an object or an input
    assert types.keys() >= {*tariff.OBJECTS, *tariff.PRODUCTS}
