"""Values that are suggested for conditions: the most frequent that begin so, each leading to as many records as it says."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Contact, CustomField, CustomValue, FieldType, Role, Tagging
from models.ids import to_global_id
from models.text import fold, fold_or_none
from resolvers.authoring.frequent_values import Wanted
from resolvers.authoring.preview import count, preview
from resolvers.authoring.segment_fields import SegmentField, segment_fields
from resolvers.authoring.suggestions import ValueCount, suggestions
from resolvers.criteria.language.fields import CUSTOM_KINDS
from resolvers.criteria.language.record_types import CONTACT, RecordType
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.records.appointments import create_appointment
from resolvers.records.contacts import create_contact
from resolvers.records.fields import create_custom_field, update_custom_field
from resolvers.tagging.tags import create_tag
from tests.support.callers import new_account, new_user
from tests.support.clock import NOON
from tests.support.composition import RECORD_TYPES
from tests.support.graphql import answer


async def field(context: Context, key: str) -> SegmentField:
    (found,) = [each for each in await segment_fields(context, CONTACT.name) if each.key == key]
    return found


async def suggested(context: Context, key: str, wanted: Wanted | None = None) -> list[tuple[str, int]]:
    """The values that are suggested for a field of contacts, with their counts."""
    context.forget()
    found = await suggestions(context, await field(context, key), wanted or Wanted())
    return [(value.value, value.count) for value in found]


# ---------------------------------------------------------------- laws


SPELLINGS = [
    "Straße",
    "STRASSE",
    "strasse",
    "İ",
    "i\u0307",
    "Ärger",
    "A\u0308RGER",
    "50%",
    "50_",
    "5",
    "a\\b",
    "o'Brien",
    "😀",
    "\U0010ffff",
    " sta ",
    "",
]
values = st.lists(st.sampled_from([*SPELLINGS, None]), max_size=12)
prefixes = st.sampled_from([None, "", " ", "S", "STRASS", "straß", "i", "a\u0308", "5", "50%", "%", "_", "\\", "'", "\U0010ffff", "zz"])
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expected(found: Sequence[str | None], wanted: Wanted) -> list[tuple[str, int]]:
    """The most frequent of these texts, by the book: each in the spelling that came first."""
    texts = [text for text in found if text is not None and fold(text)]
    spelled = {fold(text): text for text in reversed(texts)}
    counts = Counter(fold(text) for text in texts if fold(text).startswith(wanted.low))
    ranked = sorted(counts, key=lambda text: (-counts[text], text))
    return [(spelled[text], counts[text]) for text in ranked[: wanted.first]]


@pytest.fixture
async def furnished(owner: Context) -> Context:
    """An account with a custom field for each kind of text. Another one has the same under other ids."""
    for context in (await new_account(owner.services), owner):
        for type in (FieldType.TEXT, FieldType.LONG_TEXT):
            await create_custom_field(context, key=type.lower(), label=type, type=type)
    return owner


async def refill(context: Context, texts: Sequence[str | None]) -> None:
    """Replace the contacts of every account by one for each text, which has it in every field of text that is looked at."""
    await context.services.database.rows("DELETE FROM contacts")
    for account_id in (context.caller.account_id, context.caller.account_id + 1):
        fields = await CustomField.filter(account_id=account_id)
        rows = [
            Contact(
                account_id=account_id,
                **{"created_at": NOON, "updated_at": NOON, "city": text, "city_folded": folded, "address": text, "address_folded": folded},
            )
            for text, folded in ((text, fold_or_none(text)) for text in texts)
        ]
        await Contact.bulk_create(rows)
        stored = await Contact.filter(account_id=account_id).order_by("id")
        await CustomValue.bulk_create(
            CustomValue(account_id=account_id, contact_id=contact.id, field_id=each.id, text=contact.city, **{column: contact.city_folded})
            for contact in stored
            if contact.city_folded
            for each in fields
            for column in [CUSTOM_KINDS[each.type].column]
        )


wishes = st.builds(Wanted, prefixes, st.sampled_from([1, 2, 100]), st.sampled_from([1, 4, 100]))


@many
@given(texts=values, wanted=wishes)
async def test_suggestions_are_the_most_frequent_texts_that_begin_so(furnished: Context, texts: list[str | None], wanted: Wanted) -> None:
    await refill(furnished, texts)
    newest = texts[-wanted.most :]
    few = sum(fold(text or "").startswith(wanted.low) for text in texts if fold(text or "")) <= wanted.most
    for key in ("city", "text"):
        assert await suggested(furnished, key, wanted) == expected(texts if few else newest, wanted), key
    for key in ("address", "long_text"):  # no index leads to these
        assert await suggested(furnished, key, wanted) == expected(newest, wanted), key


@many
@given(tagged=st.lists(st.sets(st.sampled_from([text for text in SPELLINGS if fold(text)])), max_size=6), wanted=wishes)
async def test_suggested_tags_are_all_that_begin_so_the_most_frequent_first(
    furnished: Context, tagged: list[set[str]], wanted: Wanted
) -> None:
    await refill(furnished, [None] * len(tagged))
    await furnished.services.database.rows("DELETE FROM tags")
    names = {fold(name): name.strip() for tags in tagged for name in tags} | {"unused": "Unused"}
    tags = {folded: await create_tag(furnished, name=name) for folded, name in names.items()}
    people = await furnished.scope.contacts.order_by("id")
    pairs = [(person.id, folded) for person, given in zip(people, tagged, strict=True) for folded in map(fold, given)]
    await Tagging.bulk_create(
        Tagging(account_id=furnished.caller.account_id, contact_id=person, tag_id=tags[folded].id, tagged_at=NOON)
        for person, folded in set(pairs)
    )
    begun = {folded: name for folded, name in names.items() if folded.startswith(wanted.low)}
    rows = sum(max(1, len({person for person, name in pairs if name == folded})) for folded in begun)
    newest = {person.id for person in people} if rows <= wanted.most else {person.id for person in people[-wanted.most :]}
    counts = {folded: len({person for person, name in pairs if name == folded and person in newest}) for folded in begun}
    ranked = sorted(begun, key=lambda folded: (-counts[folded], folded))[: wanted.first]
    assert await suggested(furnished, "tags", wanted) == [(begun[folded], counts[folded]) for folded in ranked]


# ---------------------------------------------------------------- values lead to records


PLANS = ["Free", "Team", "Straße"]


@pytest.fixture
async def people(owner: Context) -> Context:
    """An account whose contacts differ in everything that suggestions are about."""
    await create_custom_field(owner, key="plan", label="Plan", type=FieldType.DROPDOWN, choices=PLANS)
    await create_custom_field(owner, key="likes", label="Likes", type=FieldType.LIST, choices=PLANS)
    await create_custom_field(owner, key="note", label="Note", type=FieldType.TEXT)
    colleague = await new_user(owner.services, owner.caller.account_id, Role.EDITOR)
    owners = [to_global_id("User", user_id) for user_id in (owner.caller.user_id, colleague.caller.user_id, colleague.caller.user_id)]
    for number, owner_id in enumerate(owners):
        likes = PLANS[number:]
        custom = {"plan": PLANS[number % 2], "likes": likes, "note": f"Note {number % 2}"}
        fields = {"country": ["Canada", "CANADA", "Peru"][number], "owner_id": owner_id, "custom_fields": custom}
        tags = [{"name": name} for name in likes]
        contact = await create_contact(owner, fields=fields, tags=tags, create_missing_tags=True)
        values = {"title": f"Call {number % 2}", "starts_at": NOON, "status": "SCHEDULED" if number else "NO_SHOW"}
        await create_appointment(owner, contact_id=to_global_id("Contact", contact.id), values=values)
    await create_group(owner, name="Canadians", criteria={"contacts": {"country": {"equals": ["Canada"]}}})
    return owner


def condition(field: SegmentField, value: ValueCount) -> dict[str, Any]:
    """The condition that a builder writes for a suggested value."""
    found: dict[str, Any] = {field.operators[0]: [{"name": value.value} if field.type is FieldType.TAGS else value.id or value.value]}
    if not field.is_custom:
        return {field.key: found}
    return {"custom": {"key": field.key, CUSTOM_KINDS[field.type].family.value: found}}


@pytest.mark.parametrize("record_type", RECORD_TYPES.all)
async def test_every_suggested_value_leads_to_as_many_records_as_are_counted(people: Context, record_type: RecordType) -> None:
    suggesting = set()
    for each in await segment_fields(people, record_type.name):
        for value in await suggestions(people, each, Wanted()):
            suggesting.add(each.key)
            tried = await preview(people, criteria={record_type.key: condition(each, value)}, sample=0)
            assert await count(people, tried) == value.count, (each.key, value)
    of_contacts = {"country", "owner", "tags", "group", "plan", "likes", "note"}
    assert suggesting == (of_contacts if record_type is CONTACT else {"title", "status"})


async def test_what_has_a_name_is_suggested_by_it_with_its_id_even_if_no_record_has_it(people: Context) -> None:
    await create_tag(people, name="Team spirit")
    assert await suggested(people, "tags", Wanted("TEAM")) == [("Team", 2), ("Team spirit", 0)]
    assert await suggested(people, "likes") == [("Straße", 3), ("Team", 2), ("Free", 1)]
    assert await suggested(people, "plan") == [("Free", 2), ("Team", 1), ("Straße", 0)]
    assert await suggested(people, "plan", Wanted("STRASS")) == [("Straße", 0)]
    assert [count for _, count in await suggested(people, "owner")] == [2, 1]
    (group,) = await suggestions(people, await field(people, "group"), Wanted("canad"))
    assert (group.value, group.count) == ("Canadians", 2)
    assert {value.id for value in await suggestions(people, await field(people, "owner"), Wanted())} == {
        to_global_id("User", user.id) for user in await people.scope.users
    }


async def test_a_choice_that_is_no_longer_offered_is_not_suggested(people: Context) -> None:
    await update_custom_field(people, key="plan", changes={"choices": ["Team", "Gold"]})
    assert await suggested(people, "plan") == [("Team", 1), ("Gold", 0)]


async def test_groups_that_cannot_be_viewed_or_named_are_not_suggested(people: Context) -> None:
    private = {"view": {"only_owner": True}}
    await create_group(people, name="Secret", criteria={"contacts": {"country": {"isEmpty": False}}}, permission=private)
    await create_group(people, name="Calls", criteria={"appointments": {"title": {"isEmpty": False}}})
    viewer = await new_user(people.services, people.caller.account_id, Role.VIEWER)
    assert await suggested(people, "group") == [("Secret", 3), ("Canadians", 2)]
    assert await suggested(viewer, "group") == [("Canadians", 2)]


async def test_nothing_of_another_account_is_suggested(people: Context) -> None:
    stranger = await new_account(people.services)
    for record_type in RECORD_TYPES.all:
        for each in await segment_fields(stranger, record_type.name):
            found = [value for value in await suggestions(stranger, each, Wanted()) if each.key not in ("owner", "status")]
            assert found == []
    assert len(await suggested(stranger, "owner")) == 1


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(("arguments", "said"), [("first: 0", "`first`"), ("first: 101", "`first`"), (r'prefix: "a\u0000"', "`prefix`")])
async def test_a_request_that_cannot_be_met_is_bad_input(owner: Context, arguments: str, said: str) -> None:
    found = await answer(owner, f"{{ segmentFields {{ suggestions({arguments}) {{ value }} }} }}")
    assert {error["extensions"]["code"] for error in found["errors"]} == {"BAD_USER_INPUT"}
    assert all(said in error["message"] for error in found["errors"])


async def test_a_field_costs_at_most_two_statements(people: Context, caplog: pytest.LogCaptureFixture) -> None:
    for record_type in RECORD_TYPES.all:
        for each in await segment_fields(people, record_type.name):
            with caplog.at_level("DEBUG", logger="tortoise.db_client"):
                caplog.clear()
                await suggestions(people, each, Wanted())
                assert len(caplog.records) <= 2, each.key
