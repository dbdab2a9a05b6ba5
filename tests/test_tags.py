"""Tags and taggings: names apart from case, idempotent tagging by any number, and what becomes of groups that name a tag."""

import logging
from datetime import timedelta
from typing import Any

import pytest

from models import Contact, Group, Role, Tag
from models.errors import Forbidden, NotFound, Refused
from models.ids import to_global_id
from resolvers.grouping.groups import create_group
from resolvers.operation.context import Context
from resolvers.reading.paging import PageArguments
from resolvers.records.contacts import create_contact
from resolvers.tagging.merging import renamed
from resolvers.tagging.taggings import add_tags, remove_tags, taggings_of, tags_of
from resolvers.tagging.tags import contact_count, contacts_of, create_tag, delete_tag, merge_tags, tag_by, tags, update_tag, used_by
from tests.support.callers import new_account, new_user
from tests.support.clock import NOON, DrivenClock


def _tag_id(tag: Tag) -> str:
    return to_global_id("Tag", tag.id)


def _contact_id(contact: Contact) -> str:
    return to_global_id("Contact", contact.id)


def _problems(refused: Refused) -> list[tuple[str, str]]:
    return [(problem.code.value, ".".join(problem.path)) for problem in refused.problems]


async def _people(context: Context, count: int) -> list[Contact]:
    return [await create_contact(context, fields={"last_name": f"N{number}"}) for number in range(count)]


async def _group_of(context: Context, name: str, criteria: dict[str, Any]) -> Group:
    return await create_group(context, name=name, criteria={"contacts": {"tags": criteria}})


async def _members(context: Context, group: Group) -> set[int]:
    return {member.record_id for member in await context.scope.group_members.filter(set_id=group.members_id)}


async def test_a_tag_is_found_by_id_and_by_name_whatever_its_case(context: Context) -> None:
    created = await create_tag(context, name=" Straße ", description="d", color="#A0b1C2")
    assert (created.name, created.description, created.color) == ("Straße", "d", "#A0b1C2")
    for by in ({"id": _tag_id(created)}, {"name": "STRASSE"}):
        found = await tag_by(context, by)
        assert found is not None
        assert found.id == created.id
    assert await tag_by(context, {"name": "other"}) is None
    assert await tag_by(await new_account(context.services), {"id": _tag_id(created)}) is None


AGAINST_THE_RULES: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"name": "  "}, ("BLANK", "input.name")),
    ({"name": "x" * 101}, ("TOO_LONG", "input.name")),
    ({"name": "a\x00"}, ("INVALID", "input.name")),
    ({"name": "CLIENT"}, ("TAKEN", "input.name")),
    ({"name": "x", "description": "y" * 501}, ("TOO_LONG", "input.description")),
    ({"name": "x", "color": "#12345"}, ("INVALID", "input.color")),
    ({"name": "x", "color": "url(x)"}, ("INVALID", "input.color")),
    ({"name": "x", "color": "y" * 33}, ("INVALID", "input.color")),
]


async def test_a_tag_against_the_rules_is_refused(context: Context) -> None:
    await create_tag(context, name="Client")
    for values, problem in AGAINST_THE_RULES:
        with pytest.raises(Refused) as refused:
            await create_tag(context, **values)
        assert _problems(refused.value) == [problem], values


async def test_tags_are_listed_by_name_and_searched_within_it(context: Context) -> None:
    for name in ("b", "A", "100%", "ab"):
        await create_tag(context, name=name)

    async def names(search: str | None) -> list[str]:
        return [tag.name for tag in (await tags(context, search=search, page=PageArguments())).nodes]

    assert await names(None) == await names(" ") == ["100%", "A", "ab", "b"]
    assert await names("B") == ["ab", "b"]
    assert await names("%") == ["100%"]


async def test_renaming_a_tag_touches_no_contact_and_tells_no_watcher(context: Context, clock: DrivenClock) -> None:
    (ann,) = await _people(context, 1)
    tag = await create_tag(context, name="Client")
    await add_tags(context, contact_ids=[_contact_id(ann)], tags=[{"name": "client"}])
    group = await _group_of(context, "Clients", {"containsAny": [{"name": "Client"}]})
    clock.pass_(minutes=1)
    renamed = await update_tag(context, tag_id=_tag_id(tag), changes={"name": "Customer", "color": None})
    assert (renamed.name, renamed.updated_at) == ("Customer", NOON + timedelta(minutes=1))
    assert (await context.scope.contacts.get(id=ann.id)).updated_at == NOON
    assert (await context.scope.all_groups.get(id=group.id)).version == group.version
    assert await _members(context, group) == {ann.id}


async def test_an_update_of_a_tag_that_changes_nothing_touches_nothing(context: Context, clock: DrivenClock) -> None:
    tag = await create_tag(context, name="Client", color="teal")
    clock.pass_(minutes=1)
    for changes in ({}, {"name": "Client", "color": "teal"}):
        assert (await update_tag(context, tag_id=_tag_id(tag), changes=changes)).updated_at == NOON
    assert (await update_tag(context, tag_id=_tag_id(tag), changes={"name": "CLIENT"})).name == "CLIENT"
    with pytest.raises(NotFound):
        await update_tag(await new_account(context.services), tag_id=_tag_id(tag), changes={"name": "x"})


async def test_tagging_is_idempotent_and_counts_what_changed(context: Context, clock: DrivenClock) -> None:
    people = await _people(context, 3)
    ids = [_contact_id(contact) for contact in people]
    first = await add_tags(context, contact_ids=ids[:1], tags=[{"name": "A"}], create_missing=True)
    assert first.changed == 1
    clock.pass_(minutes=1)
    both = [{"name": "a"}, {"name": "B"}]
    second = await add_tags(context, contact_ids=[*ids[:2], ids[0]], tags=both, create_missing=True)
    assert (second.changed, [contact.id for contact in second.contacts]) == (3, [people[0].id, people[1].id])
    clock.pass_(minutes=1)
    assert (await add_tags(context, contact_ids=ids[:2], tags=both)).changed == 0
    removed = await remove_tags(context, contact_ids=ids, tags=[{"name": "b"}])
    assert removed.changed == 2
    assert (await remove_tags(context, contact_ids=ids, tags=[{"name": "b"}])).changed == 0
    assert [contact.updated_at - NOON for contact in removed.contacts] == [timedelta(minutes=2), timedelta(minutes=2), timedelta(0)]
    (tagging,) = await taggings_of(context, people[0])
    assert (tagging.tagged_at, tagging.tagged_by_id) == (NOON, context.caller.user_id)


async def test_tagging_a_thousand_contacts_takes_as_many_statements_as_tagging_one(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    await context.services.database.rows(
        "INSERT INTO contacts (account_id, created_at, updated_at) SELECT account, 0, 0 FROM ROWS(:rows AS given(account bigint))",
        rows=[{"account": context.caller.account_id}] * 1001,
    )
    ids = [to_global_id("Contact", row["id"]) for row in await context.scope.contacts.order_by("id").values("id")]
    group = await _group_of(context, "Tagged", {"isEmpty": False})
    both = [{"name": "A"}, {"name": "B"}]
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        assert (await add_tags(context, contact_ids=ids[1000:], tags=both, create_missing=True)).changed == 2
        for_one = len(caplog.records)
        assert (await add_tags(context, contact_ids=ids[:1000], tags=both)).changed == 2000
    assert 0 < len(caplog.records) - for_one <= for_one
    assert len(await _members(context, group)) == 1001
    with pytest.raises(Refused) as refused:
        await add_tags(context, contact_ids=ids, tags=[{"name": "A"}])
    assert _problems(refused.value) == [("LIMIT_EXCEEDED", "input.contactIds")]


async def test_unknown_contacts_and_tags_are_told_apart(context: Context) -> None:
    (ann,) = await _people(context, 1)
    stranger = await new_account(context.services)
    foreign = await create_tag(stranger, name="Foreign")
    with pytest.raises(Refused) as refused:
        await add_tags(context, contact_ids=[_contact_id(ann)], tags=[{"name": "x"}, {"id": _tag_id(foreign)}])
    assert _problems(refused.value) == [("NOT_FOUND", "input.tags.0.name"), ("NOT_FOUND", "input.tags.1.id")]
    with pytest.raises(NotFound):
        await add_tags(stranger, contact_ids=[_contact_id(ann)], tags=[{"name": "new"}], create_missing=True)
    assert await stranger.scope.tags.count() == 1
    with pytest.raises(Refused) as refused:
        await add_tags(context, contact_ids=[_contact_id(ann)], tags=[{"name": "x"}] * 101)
    assert _problems(refused.value) == [("LIMIT_EXCEEDED", "input.tags")]


async def test_tags_of_a_contact_stand_in_the_order_of_their_names(context: Context) -> None:
    (ann,) = await _people(context, 1)
    await add_tags(context, contact_ids=[_contact_id(ann)], tags=[{"name": name} for name in "cAb"], create_missing=True)
    assert [tag.name for tag in await tags_of(context, ann)] == ["A", "b", "c"]
    names = {tag.id: tag.name for tag in await context.scope.tags}
    assert [names[tagging.tag_id] for tagging in await taggings_of(context, ann)] == ["A", "b", "c"]


async def test_a_tag_tells_who_carries_it(context: Context) -> None:
    people = await _people(context, 3)
    tag = await create_tag(context, name="A")
    await add_tags(context, contact_ids=[_contact_id(contact) for contact in people[:2]], tags=[{"name": "A"}])
    assert await contact_count(context, tag) == 2
    assert [contact.id for contact in (await contacts_of(context, tag, PageArguments())).nodes] == [people[0].id, people[1].id]


async def test_a_tag_in_use_is_not_deleted_unawares(context: Context) -> None:
    (ann,) = await _people(context, 1)
    tag = await create_tag(context, name="Client")
    await add_tags(context, contact_ids=[_contact_id(ann)], tags=[{"name": "Client"}])
    hidden = await new_user(context.services, context.caller.account_id, Role.EDITOR)
    clients = await _group_of(context, "Clients", {"containsAny": [{"name": "Client"}]})
    await create_group(
        hidden,
        name="Hidden",
        criteria={"contacts": {"tags": {"containsNone": [{"name": "Client"}]}}},
        permission={"view": {"only_owner": True}},
    )
    untagged = await _group_of(context, "Untagged", {"isEmpty": True})
    assert [group.name for group in await used_by(context, tag)] == ["Clients"]
    with pytest.raises(Refused) as refused:
        await delete_tag(context, tag_id=_tag_id(tag))
    assert _problems(refused.value) == [("IN_USE", "id")]
    assert "Clients and 1 more" in refused.value.message
    assert "Hidden" not in refused.value.message
    assert await delete_tag(context, tag_id=_tag_id(tag), force=True) == _tag_id(tag)
    assert await _members(context, clients) == set()
    assert await _members(context, untagged) == {ann.id}
    assert await context.scope.taggings.count() == 0
    with pytest.raises(NotFound):
        await delete_tag(context, tag_id=_tag_id(tag))


async def test_merging_keeps_the_earlier_time_and_who_tagged(context: Context, clock: DrivenClock) -> None:
    people = await _people(context, 3)
    ids = [_contact_id(contact) for contact in people]
    colleague = await new_user(context.services, context.caller.account_id, Role.EDITOR)
    await add_tags(colleague, contact_ids=ids[:2], tags=[{"name": "old"}], create_missing=True)
    clock.pass_(minutes=1)
    await add_tags(context, contact_ids=[ids[0], ids[2]], tags=[{"name": "new"}], create_missing=True)
    source, target = await tag_by(context, {"name": "old"}), await tag_by(context, {"name": "new"})
    assert source is not None
    assert target is not None
    merged = await merge_tags(context, source_id=_tag_id(source), target_id=_tag_id(target))
    assert merged.id == target.id
    assert await tag_by(context, {"name": "old"}) is None
    found = {tagging.contact_id: (tagging.tagged_at, tagging.tagged_by_id) for tagging in await context.scope.taggings}
    earlier = (NOON, colleague.caller.user_id)
    assert found == {people[0].id: earlier, people[1].id: earlier, people[2].id: (NOON + timedelta(minutes=1), context.caller.user_id)}


async def test_criteria_follow_a_merged_tag(context: Context) -> None:
    people = await _people(context, 2)
    for contact, name in zip(people, ("old", "new"), strict=True):
        await add_tags(context, contact_ids=[_contact_id(contact)], tags=[{"name": name}], create_missing=True)
    old = await _group_of(context, "Old", {"containsAll": [{"name": "old"}]})
    both = await _group_of(context, "Both", {"containsAll": [{"name": "old"}, {"name": "new"}]})
    new = await _group_of(context, "New", {"containsAny": [{"name": "new"}]})
    source, target = await tag_by(context, {"name": "old"}), await tag_by(context, {"name": "new"})
    assert source is not None
    assert target is not None
    await merge_tags(context, source_id=_tag_id(source), target_id=_tag_id(target))
    everyone = {contact.id for contact in people}
    assert [await _members(context, group) for group in (old, both, new)] == [everyone, everyone, everyone]
    only = {"id": _tag_id(target)}
    found = await context.scope.all_groups.get(id=both.id)
    assert found.criteria == {"contacts": {"tags": {"containsAll": [only]}}}
    assert {group.name for group in await used_by(context, target)} == {"Old", "Both", "New"}


async def test_a_tag_is_not_merged_into_itself_nor_into_another_accounts(context: Context) -> None:
    tag = await create_tag(context, name="A")
    foreign = await create_tag(await new_account(context.services), name="A")
    with pytest.raises(Refused) as refused:
        await merge_tags(context, source_id=_tag_id(tag), target_id=_tag_id(tag))
    assert _problems(refused.value) == [("INVALID", "into")]
    for source, target in ((tag, foreign), (foreign, tag)):
        with pytest.raises(NotFound):
            await merge_tags(context, source_id=_tag_id(source), target_id=_tag_id(target))


def test_a_renamed_reference_stands_everywhere_and_in_a_list_once() -> None:
    old, new, other = ({"id": name} for name in ("old", "new", "other"))
    document = {
        "all": [{"tags": {"containsAny": [new, old, other, old]}}, {"taggedAt": {"tag": old, "when": {"isEmpty": True}}}, {"x": ["old"]}]
    }
    expected = {"all": [{"tags": {"containsAny": [new, other]}}, {"taggedAt": {"tag": new, "when": {"isEmpty": True}}}, {"x": ["old"]}]}
    assert renamed(document, old, new) == expected


async def test_a_viewer_changes_no_tag_and_an_editor_does(context: Context) -> None:
    (ann,) = await _people(context, 1)
    viewer = await new_user(context.services, context.caller.account_id, Role.VIEWER)
    editor = await new_user(context.services, context.caller.account_id, Role.EDITOR)
    tag = await create_tag(editor, name="A")
    for attempt in (
        create_tag(viewer, name="B"),
        update_tag(viewer, tag_id=_tag_id(tag), changes={}),
        delete_tag(viewer, tag_id=_tag_id(tag)),
        merge_tags(viewer, source_id=_tag_id(tag), target_id=_tag_id(tag)),
        add_tags(viewer, contact_ids=[_contact_id(ann)], tags=[{"name": "A"}]),
        remove_tags(viewer, contact_ids=[_contact_id(ann)], tags=[{"name": "A"}]),
    ):
        with pytest.raises(Forbidden):
            await attempt
