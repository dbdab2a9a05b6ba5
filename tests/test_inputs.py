"""How scalars are read and written, and in which shape inputs reach resolvers."""

from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import strawberry
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLScalarType
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from models.errors import BadInput
from models.fields import from_microseconds, to_microseconds
from schema.arguments import changes, document, plain
from schema.conditions import TagRef, TextCondition
from schema.criteria import ContactCriteria, CriteriaInput
from schema.inputs import ContactFields, CreateGroupInput, UpdateContactInput
from schema.scalars import JSON, SCALARS, Criteria, parse_day, parse_decimal, parse_instant, write_decimal, write_instant
from schema.strawberry_adapter import graphql_schema
from tests.support.graphql import schema

OFFSETS = st.integers(-839, 839).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.builds(
    lambda count, offset: from_microseconds(count).astimezone(offset),
    st.integers(to_microseconds(datetime(1, 1, 3, tzinfo=UTC)), to_microseconds(datetime(9999, 12, 29, tzinfo=UTC))),
    OFFSETS,
)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**14), max_value=10**14)


@given(INSTANTS)
def test_an_instant_that_is_written_is_read_back(instant: datetime) -> None:
    assert parse_instant(write_instant(instant)) == parse_instant(instant.isoformat()) == instant
    assert write_instant(instant).endswith("Z")


@given(st.dates())
def test_a_day_that_is_written_is_read_back(day: date) -> None:
    assert parse_day(day.isoformat()) == day


@given(DECIMALS)
def test_a_decimal_that_is_written_is_read_back(number: Decimal) -> None:
    assert parse_decimal(write_decimal(number)) == number


@given(
    st.sampled_from([parse_instant, parse_day, parse_decimal]),
    st.one_of(st.text(alphabet="0123456789-+:.TZ eNaInf٣"), st.text(), st.floats(), st.booleans(), st.none(), st.lists(st.integers())),
)
def test_whatever_is_sent_for_a_scalar_is_read_or_refused(parse: Any, value: object) -> None:
    with suppress(BadInput):
        parse(value)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-29T09:30:00",  # no offset
        "2026-03-29T09:30Z",  # no seconds
        "2026-03-29 09:30:00Z",
        "2026-03-29T09:30:00.1234567Z",
        "2026-02-29T09:30:00Z",
        "2026-03-29T24:00:00Z",
        "0001-01-01T00:00:00+14:00",  # before the first year in UTC
        "٢026-03-29T09:30:00Z",
    ],
)
def test_an_instant_that_is_incomplete_or_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_instant(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "1e3", "1,5", "", " 1", "9" * 41, 1.5, True])
def test_a_decimal_that_is_inexact_or_none_is_refused(text: object) -> None:
    with pytest.raises(BadInput):
        parse_decimal(text)


# ---------------------------------------------------------------- inputs


@strawberry.type
class Echo:
    """Says what criteria look like once they have arrived."""

    @strawberry.field
    @staticmethod
    def echo(criteria: CriteriaInput) -> Criteria:
        return Criteria(document(criteria))


@cache
def echo_schema() -> strawberry.Schema:
    return strawberry.Schema(Echo, config=StrawberryConfig(scalar_map=SCALARS))


WIRE = {
    "DateTime": INSTANTS.map(lambda instant: instant.isoformat().replace("+00:00", "Z")),
    "Date": st.dates().map(date.isoformat),
    "Decimal": DECIMALS.map(write_decimal),
    "Int": st.integers(-(2**31), 2**31 - 1).filter(bool),
    "Boolean": st.booleans(),
    "String": st.text(max_size=5),
    "ID": st.text(max_size=5),
}


@cache
def written(type_: Any, depth: int = 7) -> st.SearchStrategy[Any]:
    """JSON that clients may write for an input type. A value that equals its default is left out."""
    match type_:
        case GraphQLNonNull():
            return written(type_.of_type, depth)
        case GraphQLList():
            return st.lists(written(type_.of_type, depth), max_size=2)
        case GraphQLEnumType():
            return st.sampled_from(sorted(type_.values))
        case GraphQLScalarType():
            return WIRE[type_.name]
        case GraphQLInputObjectType():
            return st.deferred(lambda: _written_object(type_, depth - 1))
    raise AssertionError(type_)


def _written_object(type_: GraphQLInputObjectType, depth: int) -> st.SearchStrategy[Any]:
    parts = {name: written(field.type, depth) for name, field in type_.fields.items() if depth > 0 or not _recurs(field.type)}
    if type_.extensions["strawberry-definition"].is_one_of:
        return st.one_of([st.fixed_dictionaries({name: part}) for name, part in parts.items()])
    required = {name for name in parts if isinstance(type_.fields[name].type, GraphQLNonNull) and type_.name != "Offset"}
    return st.fixed_dictionaries(
        {name: part for name, part in parts.items() if name in required},
        optional={name: part for name, part in parts.items() if name not in required},
    )


def _recurs(type_: Any) -> bool:
    return "Criteria" in str(type_) or "Relation" in str(type_)


@given(st.data())
async def test_criteria_arrive_as_they_were_sent(data: st.DataObject) -> None:
    sent = data.draw(written(graphql_schema(schema()).type_map["CriteriaInput"]))
    result = await echo_schema().execute("query ($sent: CriteriaInput!) { echo(criteria: $sent) }", variable_values={"sent": sent})
    assert result.errors is None
    assert result.data == {"echo": sent}


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ('{contacts: {country: {equals: ["Canada"]}}}', {"contacts": {"country": {"equals": ["Canada"]}}}),
        ("{contacts: {spent: {greaterThan: 12}}}", {"contacts": {"spent": {"greaterThan": "12"}}}),
        ("{contacts: {not: {score: {isEmpty: false}}}}", {"contacts": {"not": {"score": {"isEmpty": False}}}}),
        ("{appointments: {startsAt: {onOrAfter: {now: {}}}}}", {"appointments": {"startsAt": {"onOrAfter": {"now": {}}}}}),
        (
            "{contacts: {custom: {key: \"plan\", text: null, date: {before: {today: {days: -1, weeks: 0}}}}}}",
            {"contacts": {"custom": {"key": "plan", "date": {"before": {"today": {"days": -1}}}}}},
        ),
        ("{contacts: {birthday: {between: {from: {date: \"2026-01-01\"}, to: {named: TODAY}}}}}",
         {"contacts": {"birthday": {"between": {"from": {"date": "2026-01-01"}, "to": {"named": "TODAY"}}}}}),
    ],
)  # fmt: skip
async def test_criteria_in_a_document_arrive_without_nulls_and_defaults(sent: str, arrived: object) -> None:
    result = await echo_schema().execute(f"{{ echo(criteria: {sent}) }}")
    assert result.errors is None
    assert result.data == {"echo": arrived}


def test_what_a_client_leaves_out_is_absent_and_what_it_clears_is_none() -> None:
    fields = ContactFields(first_name="Zoë", city=None, custom_fields=JSON({"plan": None}))
    assert plain(fields) == {"first_name": "Zoë", "city": None, "custom_fields": {"plan": None}}
    assert changes(UpdateContactInput(id=strawberry.ID("x"), fields=fields)) == {"fields": plain(fields)}
    assert plain([TagRef(name="Client"), TagRef(id=strawberry.ID("x"))]) == [{"name": "Client"}, {"id": "x"}]


def test_criteria_inside_another_input_keep_their_own_shape() -> None:
    criteria = CriteriaInput(contacts=ContactCriteria(not_=ContactCriteria(first_name=TextCondition(is_empty=True))))
    group = CreateGroupInput(name="Nameless", criteria=criteria)
    assert plain(group) == {"name": "Nameless", "criteria": {"contacts": {"not": {"firstName": {"isEmpty": True}}}}}
