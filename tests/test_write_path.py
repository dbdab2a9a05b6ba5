"""A write costs what it touches: as many round trips for many groups as for one, and everything as large as it gets."""

import logging
from collections.abc import Sequence

import pytest

from models import Contact, Group
from resolvers.membership.evaluation.evaluate import FEW
from resolvers.membership.journal.log import LARGEST_EVENT, LARGEST_STATEMENT
from resolvers.membership.rebuilding.verify import verify
from resolvers.operation.context import Context
from resolvers.tagging.taggings import add_tags, remove_tags
from resolvers.tagging.tags import create_tag
from tests.support.tagged_groups import people, tagged_groups

MANY = 1000  # contacts, as many as one call can name
ROUND_TRIPS = 4  # of a write that flips groups, besides beginning and committing


async def assert_true(context: Context, groups: Sequence[Group], members: int) -> None:
    assert await verify(context.services.database, context.services.definitions, context.caller.account_id) == []
    found = await context.scope.groups.filter(id__in=[group.id for group in groups])
    assert {group.member_count for group in found} == {members}


async def test_a_write_that_flips_many_groups_takes_as_many_round_trips_as_one_that_flips_one(
    context: Context, caplog: pytest.LogCaptureFixture
) -> None:
    (contact,) = await people(context, 1)
    groups = {tag: await tagged_groups(context, tag, count) for tag, count in (("One", 1), ("Some", FEW), ("Many", FEW + 1), ("None", 0))}

    async def round_trips(tag: str) -> int:
        caplog.clear()
        assert (await add_tags(context, contact_ids=[contact], tags=[{"name": tag}])).changed == 1
        return len(caplog.records)

    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        found = [await round_trips(tag) for tag in ("One", "Some", "Many", "None")]
    assert found == [ROUND_TRIPS, ROUND_TRIPS, ROUND_TRIPS + 1, ROUND_TRIPS - 1]
    await assert_true(context, [*groups["One"], *groups["Some"], *groups["Many"]], 1)


async def test_the_contacts_that_tagging_returns_are_as_they_are_stored(context: Context) -> None:
    ids = await people(context, 3)
    await create_tag(context, name="Client")
    for change in (add_tags, remove_tags):
        for chosen in (ids[:2], ids):  # the second time, one that changes and two that do not
            found = (await change(context, contact_ids=chosen, tags=[{"name": "Client"}])).contacts
            stored = [await context.scope.contacts.get(id=contact.id) for contact in found]
            assert [values(contact) for contact in found] == [values(contact) for contact in stored]


def values(contact: Contact) -> dict[str, object]:
    return {name: getattr(contact, name) for name in contact._meta.db_fields}


async def test_a_change_larger_than_an_entry_is_logged_in_several(context: Context) -> None:
    ids = await people(context, MANY)
    groups = await tagged_groups(context, "Client", 1)
    for changed, count in ((add_tags, MANY), (remove_tags, 0)):
        await changed(context, contact_ids=ids, tags=[{"name": "Client"}])
        await assert_true(context, groups, count)
    entries = await context.scope.group_events.filter(group_id=groups[0].id).exclude(kind="DEFINITION").order_by("position")
    assert [len(entry.joined) + len(entry.left) for entry in entries] == [LARGEST_EVENT] * (2 * MANY // LARGEST_EVENT)
    assert [(entry.from_version, entry.to_version) for entry in entries] == [
        (n, n + LARGEST_EVENT) for n in range(0, 2 * MANY, LARGEST_EVENT)
    ]


async def test_more_memberships_than_a_statement_takes_change_in_one_write(context: Context) -> None:
    ids = await people(context, MANY)
    groups = await tagged_groups(context, "Client", LARGEST_STATEMENT // MANY + 1)
    for changed, count in ((add_tags, MANY), (remove_tags, 0)):
        await changed(context, contact_ids=ids, tags=[{"name": "Client"}])
        await assert_true(context, groups, count)
