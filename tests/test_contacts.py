"""Contacts: what may be stored, how it is found again, and that a write touches only what it changes."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tortoise.models import Model

from models import Contact, FieldType, Role
from models.errors import BadInput, Forbidden, NotFound, ProblemCode, Refused
from models.ids import to_global_id
from models.text import fold
from resolvers.operation.context import Context
from resolvers.reading.paging import PageArguments
from resolvers.records.appointments import create_appointment
from resolvers.records.contacts import contact_by, contacts, create_contact, delete_contact, update_contact, upsert_contact
from resolvers.records.drafts import Row
from resolvers.records.fields import create_custom_field
from resolvers.records.imports import import_contacts, import_good_rows
from resolvers.tagging.taggings import tags_of
from resolvers.tagging.tags import create_tag
from schema.errors import MOST_PROBLEMS
from tests.support.callers import new_account, new_user
from tests.support.clock import NOON, DrivenClock
from tests.support.graphql import ask

EVERYTHING = {
    "email": "Ann.Smith@Example.com",
    "first_name": "Ann",
    "last_name": " Smith ",
    "phone": "(416) 555-0199",
    "company": "Straße & Söhne",
    "job_title": "CEO",
    "address": "1 Main St",
    "city": "Toronto",
    "state": "ON",
    "country": "canada",
    "postal_code": "M5V",
    "timezone": "America/Toronto",
    "website": "https://example.com",
    "source": "fair",
    "status": "lead",
    "score": -(2**31),
    "spent": Decimal("99999999999999.9999"),
    "birthday": date(2000, 2, 29),
    "last_activity_at": datetime(2024, 2, 29, 23, 59, 59, 999999, UTC),
}


def _id(contact: Contact) -> str:
    return to_global_id("Contact", contact.id)


def _values(row: Model, *names: str) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in names)


def _problems(refused: Refused) -> list[tuple[str, str]]:
    return [(problem.code.value, ".".join(problem.path)) for problem in refused.problems]


async def _found(context: Context, search: str | None, where: Mapping[str, Any] | None = None) -> list[str | None]:
    page = await contacts(context, where=where, search=search, order=("LAST_NAME", "ASC"), page=PageArguments())
    return [contact.last_name for contact in page.nodes]


async def test_every_field_is_read_back_as_it_was_given(context: Context) -> None:
    created = await create_contact(context, fields=EVERYTHING)
    assert {name: getattr(created, name) for name in EVERYTHING} == EVERYTHING
    assert created.last_name_folded == "smith"
    assert created.company_folded == fold("STRASSE & SÖHNE")
    assert created.phone_e164 == "+14165550199"
    assert created.created_at == created.updated_at == NOON


async def test_a_blank_text_is_a_missing_value(context: Context) -> None:
    created = await create_contact(context, fields={"first_name": "  \t", "email": "", "city": "\u3000"})
    assert _values(created, "first_name", "first_name_folded", "email", "city") == (None, None, None, None)


async def test_a_phone_number_is_read_as_dialled_in_the_contacts_country(context: Context) -> None:
    created = await create_contact(context, fields={"phone": "030 901820"})
    assert _values(created, "phone", "phone_e164") == ("030 901820", None)
    moved = await update_contact(context, contact_id=_id(created), fields={"country": "Germany"})
    assert moved.phone_e164 == "+4930901820"
    abroad = await update_contact(context, contact_id=_id(created), fields={"phone": "+44 20 7946 0958"})
    assert abroad.phone_e164 == "+442079460958"


AGAINST_THE_RULES: list[tuple[str, Any, tuple[str, str]]] = [
    ("email", "nobody", ("INVALID", "input.fields.email")),
    ("email", "a@b", ("INVALID", "input.fields.email")),
    ("email", "a" * 320 + "@example.com", ("TOO_LONG", "input.fields.email")),
    ("first_name", "x" * 256, ("TOO_LONG", "input.fields.firstName")),
    ("last_name", "nul\x00", ("INVALID", "input.fields.lastName")),
    ("job_title", "half \ud800", ("INVALID", "input.fields.jobTitle")),
    ("address", "x" * 501, ("TOO_LONG", "input.fields.address")),
    ("score", 2**31, ("INVALID", "input.fields.score")),
    ("score", "12.5", ("INVALID", "input.fields.score")),
    ("score", True, ("INVALID", "input.fields.score")),
    ("spent", Decimal("0.00001"), ("INVALID", "input.fields.spent")),
    ("spent", Decimal("1.0000000000000000000000000000001"), ("INVALID", "input.fields.spent")),
    ("spent", Decimal(10) ** 14, ("INVALID", "input.fields.spent")),
    ("spent", Decimal("NaN"), ("INVALID", "input.fields.spent")),
    ("spent", Decimal("-Infinity"), ("INVALID", "input.fields.spent")),
    ("spent", Decimal("1e999999"), ("INVALID", "input.fields.spent")),
    ("spent", "1e999", ("INVALID", "input.fields.spent")),
    ("spent", "1_000", ("INVALID", "input.fields.spent")),
    ("spent", 10**400, ("INVALID", "input.fields.spent")),
    ("spent", "1,5", ("INVALID", "input.fields.spent")),
    ("birthday", "2023-02-29", ("INVALID", "input.fields.birthday")),
    ("birthday", "20230101", ("INVALID", "input.fields.birthday")),
    ("last_activity_at", datetime(2024, 1, 1), ("INVALID", "input.fields.lastActivityAt")),  # noqa: DTZ001  # on purpose
    ("last_activity_at", "2024-01-01T00:00:00.1234567Z", ("INVALID", "input.fields.lastActivityAt")),
    ("last_activity_at", "0001-01-01T00:00:00+01:00", ("INVALID", "input.fields.lastActivityAt")),
    ("owner_id", to_global_id("User", 987654), ("NOT_FOUND", "input.fields.ownerId")),
    ("owner_id", to_global_id("Tag", 1), ("NOT_FOUND", "input.fields.ownerId")),
]


async def test_what_is_against_the_rules_is_refused_at_its_place(context: Context) -> None:
    for field, value, problem in AGAINST_THE_RULES:
        with pytest.raises(Refused) as refused:
            await create_contact(context, fields={field: value, "city": "Toronto"})
        assert _problems(refused.value) == [problem], (field, value)
    assert await context.scope.contacts.count() == 0


async def test_all_problems_are_told_at_once(context: Context) -> None:
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={"email": "x", "score": 2**40}, tags=[{"name": "new"}])
    assert _problems(refused.value) == [("INVALID", "input.fields.email"), ("INVALID", "input.fields.score")]


async def test_an_answer_names_a_thousand_things_to_mend_at_most(context: Context) -> None:
    fields = {"customFields": {f"key{number}": 1 for number in range(MOST_PROBLEMS + 1)}}
    create = "mutation ($fields: ContactFields!) { createContact(input: {fields: $fields}) { userErrors { code } } }"
    assert len((await ask(context, create, fields=fields))["createContact"]["userErrors"]) == MOST_PROBLEMS


async def test_values_may_be_written_out(context: Context) -> None:
    written = {"score": " 12 ", "spent": "1e2", "birthday": "2000-02-29", "last_activity_at": "2024-01-01t01:00:00+01:00"}
    created = await create_contact(context, fields=written)
    assert (created.score, created.spent, created.birthday) == (12, Decimal(100), date(2000, 2, 29))
    assert created.last_activity_at == datetime(2024, 1, 1, tzinfo=UTC)


async def test_an_owner_is_a_user_of_the_account(context: Context) -> None:
    stranger = await new_account(context.services)
    own = to_global_id("User", context.caller.user_id)
    assert (await create_contact(context, fields={"owner_id": own})).owner_id == context.caller.user_id
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={"owner_id": to_global_id("User", stranger.caller.user_id)})
    assert _problems(refused.value) == [("NOT_FOUND", "input.fields.ownerId")]


async def test_an_address_is_taken_whatever_its_case_but_only_within_the_account(context: Context) -> None:
    first = await create_contact(context, fields={"email": "Ann@Example.com"})
    second = await create_contact(context, fields={"email": "bob@example.com"})
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={"email": "ann@EXAMPLE.com"})
    assert _problems(refused.value) == [("TAKEN", "input.fields.email")]
    with pytest.raises(Refused) as refused:
        await update_contact(context, contact_id=_id(second), fields={"email": "ANN@example.com"})
    assert _problems(refused.value) == [("TAKEN", "input.fields.email")]
    assert (await update_contact(context, contact_id=_id(first), fields={"email": "ann@example.com"})).email == "ann@example.com"
    elsewhere = await create_contact(await new_account(context.services), fields={"email": "ann@example.com"})
    assert elsewhere.email == "ann@example.com"


async def test_an_update_leaves_what_is_absent_and_clears_what_is_null(context: Context, clock: DrivenClock) -> None:
    created = await create_contact(context, fields=EVERYTHING)
    clock.pass_(minutes=1)
    updated = await update_contact(context, contact_id=_id(created), fields={"city": None, "score": 5, "spent": None})
    assert _values(updated, "city", "city_folded", "score", "spent") == (None, None, 5, None)
    assert (updated.email, updated.birthday) == (EVERYTHING["email"], EVERYTHING["birthday"])
    assert updated.updated_at == NOON + timedelta(minutes=1)


async def test_an_update_that_changes_nothing_touches_nothing(context: Context, clock: DrivenClock) -> None:
    created = await create_contact(context, fields=EVERYTHING)
    clock.pass_(minutes=1)
    for fields in ({}, EVERYTHING):
        assert (await update_contact(context, contact_id=_id(created), fields=fields)).updated_at == NOON


async def test_an_upsert_finds_the_contact_by_its_address(context: Context) -> None:
    first = await upsert_contact(
        context, fields={"email": "ann@example.com", "city": "Rome"}, tags=[{"name": "A"}], create_missing_tags=True
    )
    second = await upsert_contact(context, fields={"email": "ANN@example.com", "score": 1}, tags=[{"name": "b"}], create_missing_tags=True)
    assert second.id == first.id
    assert (second.email, second.city, second.score) == ("ANN@example.com", "Rome", 1)
    assert [tag.name for tag in await tags_of(context, second)] == ["A", "b"]
    with pytest.raises(Refused) as refused:
        await upsert_contact(context, fields={"email": " ", "city": "Rome"})
    assert _problems(refused.value) == [("BLANK", "input.fields.email")]


async def test_upserts_of_one_address_at_the_same_time_make_one_contact(context: Context) -> None:
    async def upsert(number: int) -> Contact:
        alone = Context(context.services, context.caller, context.scope)
        tags = [{"name": f"T{number % 2}"}, {"name": f"T{1 - number % 2}"}]
        return await upsert_contact(alone, fields={"email": "ann@example.com", "score": number}, tags=tags, create_missing_tags=True)

    async with asyncio.timeout(30):
        found = await asyncio.gather(*(upsert(number) for number in range(6)))
    assert len({contact.id for contact in found}) == 1
    assert (await context.scope.contacts.count(), await context.scope.taggings.count()) == (1, 2)


async def test_tags_of_a_new_contact_exist_or_may_be_created(context: Context) -> None:
    client = await create_tag(context, name="Client")
    known = [{"id": to_global_id("Tag", client.id)}, {"name": "CLIENT"}]
    created = await create_contact(context, fields={"city": "Rome"}, tags=[*known, {"name": "new"}], create_missing_tags=True)
    assert [tag.name for tag in await tags_of(context, created)] == ["Client", "new"]
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={}, tags=[{"name": "Client"}, {"name": "x"}, {"id": to_global_id("Tag", 987654)}])
    assert _problems(refused.value) == [("NOT_FOUND", "input.tags.1.name"), ("NOT_FOUND", "input.tags.2.id")]
    with pytest.raises(Refused) as refused:
        await create_contact(context, fields={}, tags=[{"name": " "}, {"name": "y" * 101}], create_missing_tags=True)
    assert _problems(refused.value) == [("BLANK", "input.tags.0.name"), ("TOO_LONG", "input.tags.1.name")]
    assert await context.scope.tags.count() == 2


async def test_a_contact_is_found_by_id_and_by_address(context: Context) -> None:
    created = await create_contact(context, fields={"email": "Ann@example.com"})
    for by in ({"id": _id(created)}, {"email": " ANN@EXAMPLE.COM"}):
        found = await contact_by(context, by)
        assert found is not None
        assert found.id == created.id
    for by in ({"id": to_global_id("Contact", 987654)}, {"id": to_global_id("Tag", created.id)}, {"email": "x"}, {"email": "\x00"}):
        assert await contact_by(context, by) is None
    with pytest.raises(BadInput):
        await contact_by(context, {"id": "!"})


async def test_another_accounts_contacts_do_not_exist(context: Context) -> None:
    created = await create_contact(context, fields={"email": "ann@example.com", "last_name": "Smith"})
    stranger = await new_account(context.services)
    assert await contact_by(stranger, {"id": _id(created)}) is None
    assert await contact_by(stranger, {"email": "ann@example.com"}) is None
    assert await _found(stranger, "smith") == []
    with pytest.raises(NotFound):
        await update_contact(stranger, contact_id=_id(created), fields={"city": "Rome"})
    with pytest.raises(NotFound):
        await delete_contact(stranger, _id(created))


async def test_a_viewer_reads_and_writes_nothing(context: Context) -> None:
    created = await create_contact(context, fields={"last_name": "Smith"})
    viewer = await new_user(context.services, context.caller.account_id, Role.VIEWER)
    assert await _found(viewer, None) == ["Smith"]
    with pytest.raises(Forbidden):
        await create_contact(viewer, fields={})
    with pytest.raises(Forbidden):
        await update_contact(viewer, contact_id=_id(created), fields={})
    with pytest.raises(Forbidden):
        await delete_contact(viewer, _id(created))
    with pytest.raises(Forbidden):
        await import_contacts(viewer, rows=[])


async def test_a_deleted_contact_takes_along_what_is_its_own(context: Context) -> None:
    created = await create_contact(context, fields=EVERYTHING, tags=[{"name": "A"}], create_missing_tags=True)
    await create_appointment(context, contact_id=_id(created), values={"title": "Call", "starts_at": NOON})
    assert await delete_contact(context, _id(created)) == _id(created)
    scope = context.scope
    for left in (scope.contacts, scope.taggings, scope.appointments, scope.search_terms):
        assert await left.count() == 0
    assert await scope.tags.count() == 1
    with pytest.raises(NotFound):
        await delete_contact(context, _id(created))


FINDING = (
    *("ann", "ANN SM", "smith ann", "söh", "strass", "STRASSE", "ann.smith@example.com", "smi", "example", "com", "- ann"),
    *("416", "(416) 555", "+1 416", "1416", "4165550199", "555-01", "0199"),
)
NOT_FINDING = ("nn", "mith", "ann other", "%", "_", "165", "toronto", "exam ple", "\U0010ffff")


async def test_a_contact_is_found_by_the_beginning_of_each_word_and_nothing_else(context: Context) -> None:
    await create_contact(context, fields=EVERYTHING)
    await create_contact(context, fields={"last_name": "Other"})
    assert [search for search in FINDING if await _found(context, search) != [" Smith "]] == []
    assert [search for search in NOT_FINDING if await _found(context, search) != []] == []
    assert await _found(context, None) == await _found(context, " - ") == ["Other", " Smith "]


async def test_search_follows_every_write(context: Context) -> None:
    created = await create_contact(context, fields={"last_name": "Smith-Jones", "company": "Acme", "phone": "030/12-34"})
    await update_contact(context, contact_id=_id(created), fields={"last_name": "Jones", "phone": None})
    assert await _found(context, "jon acme") == ["Jones"]
    assert await _found(context, "smith") == []
    assert await _found(context, "030") == []


async def test_search_takes_ten_words(context: Context) -> None:
    with pytest.raises(BadInput, match="at most 10"):
        await _found(context, "a " * 11)
    with pytest.raises(BadInput, match="character"):
        await _found(context, "\x00")


async def test_criteria_and_search_narrow_the_list_together(context: Context) -> None:
    for name, country in (("Ann", "Canada"), ("Anders", "Sweden"), ("Bob", "Canada")):
        await create_contact(context, fields={"last_name": name, "country": country})
    assert await _found(context, "an", {"country": {"equals": ["CANADA"]}}) == ["Ann"]
    with pytest.raises(BadInput, match=r"where\.country\.equals"):
        await _found(context, None, {"country": {"equals": []}})


WORDS = st.lists(st.sampled_from(["Ann", "ßä", "Éa", "o'neil", "x-y", "7up", "\U0001f600"]), max_size=3).map(" ".join)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.fixed_dictionaries({"first_name": WORDS, "last_name": WORDS, "company": WORDS}), later=WORDS, length=st.integers(1, 4))
async def test_every_beginning_of_every_word_finds_the_contact(context: Context, names: dict[str, str], later: str, length: int) -> None:
    created = await create_contact(context, fields=names)
    await update_contact(context, contact_id=_id(created), fields={"company": later})
    words = f"{names['first_name']} {names['last_name']} {later}".split()
    for search in (" ".join(words), *(fold(word)[:length] for word in words)):
        page = await contacts(context, where=None, search=search, order=("CREATED_AT", "DESC"), page=PageArguments(first=250))
        assert created.id in {contact.id for contact in page.nodes}
    await delete_contact(context, _id(created))
    assert await context.scope.search_terms.count() == 0


def _rows(*fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"fields": given} for given in fields]


async def test_an_import_creates_and_updates_and_running_it_again_changes_nothing(context: Context, clock: DrivenClock) -> None:
    await create_contact(context, fields={"email": "ann@example.com", "city": "Rome"})
    clock.pass_(minutes=1)
    rows = _rows({"email": "Ann@example.com", "city": "Oslo"}, {"email": "bob@example.com"}, {"email": "BOB@example.com", "city": "Bonn"})
    rows[1] |= {"tags": [{"name": "fair"}], "create_missing_tags": True}
    result = await import_contacts(context, rows=rows)
    assert (result.created, result.updated) == (1, 1)
    bob = await contact_by(context, {"email": "bob@example.com"})
    assert bob is not None
    assert (bob.email, bob.city, [tag.name for tag in await tags_of(context, bob)]) == ("BOB@example.com", "Bonn", ["fair"])
    clock.pass_(minutes=1)
    again = await import_contacts(context, rows=rows)
    assert (again.created, again.updated) == (0, 0)
    assert {contact.updated_at for contact in await context.scope.contacts} == {NOON + timedelta(minutes=1)}


async def test_an_import_with_a_bad_row_changes_nothing_and_names_the_row(context: Context) -> None:
    rows = _rows({"email": "a@example.com"}, {}, {"city": " "}, {"email": "bad"}, {"email": "b@example.com", "score": "many"})
    rows[0] |= {"tags": [{"name": "new"}], "create_missing_tags": True}
    with pytest.raises(Refused) as refused:
        await import_contacts(context, rows=rows)
    assert _problems(refused.value) == [
        ("BLANK", "input.rows.1"),
        ("BLANK", "input.rows.2"),
        ("INVALID", "input.rows.3.fields.email"),
        ("INVALID", "input.rows.4.fields.score"),
    ]
    assert (await context.scope.contacts.count(), await context.scope.tags.count()) == (0, 0)


async def test_an_import_takes_a_thousand_rows_in_a_call(context: Context) -> None:
    rows = _rows(*({"last_name": f"N{number}", "email": f"n{number % 900}@example.com"} for number in range(1000)))
    result = await import_contacts(context, rows=rows)
    assert (result.created, len(result.contact_ids)) == (900, 1000)
    assert await context.scope.contacts.count() == 900
    last = await contact_by(context, {"email": "n50@example.com"})
    assert last is not None
    assert last.last_name == "N950"
    with pytest.raises(Refused) as refused:
        await import_contacts(context, rows=rows + rows[:1])
    assert _problems(refused.value) == [("LIMIT_EXCEEDED", "input.rows")]


async def test_importing_five_hundred_rows_takes_as_many_statements_as_importing_two(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    await create_custom_field(context, key="plan", label="Plan", type=FieldType.TEXT)
    counted = []
    for first, count in ((0, 2), (1, 500)):
        before = len(caplog.records)
        with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
            result = await import_contacts(context, rows=[_full_row(number, count) for number in range(first, first + count)])
        assert (result.created, result.updated) == (count - first, first)
        counted.append(len(caplog.records) - before)
    # The second import also reads, updates, replaces and tags what the first one left.
    assert 0 < counted[1] <= counted[0] + 6


def _full_row(number: int, version: int) -> dict[str, Any]:
    fields = {"email": f"n{number}@example.com", "custom_fields": {"plan": f"P{version}"}, "last_name": f"S{version}"}
    return {"fields": fields, "tags": [{"name": f"T{number}"}], "create_missing_tags": True}


async def test_good_rows_land_though_others_are_bad(context: Context) -> None:
    rows = [Row({"email": "a@example.com"}, path=("2",)), Row({"email": "bad"}, path=("3",)), Row({"city": "Rome"}, path=("4",))]
    result = await import_good_rows(context, rows)
    assert (result.created, result.updated) == (2, 0)
    assert [contact_id is not None for contact_id in result.contact_ids] == [True, False, True]
    assert [[problem.code for problem in problems] for problems in result.problems] == [[], [ProblemCode.INVALID], []]


async def test_a_row_without_an_address_always_creates(context: Context) -> None:
    for _ in range(2):
        await import_contacts(context, rows=_rows({"last_name": "Smith"}))
    assert await context.scope.contacts.count() == 2
