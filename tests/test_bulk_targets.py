"""Contacts for which criteria hold, a chunk at a time: all of them in the order of their ids, in the way that is shortest."""

import logging

import pytest

from models.engine.database import Database
from models.fields import to_microseconds
from models.ids import to_global_id
from resolvers.bulk.targets import MatchingContacts
from resolvers.criteria.querying.lists import AT_FIRST
from resolvers.operation.context import Context
from resolvers.tagging.tags import create_tag
from tests.support.callers import new_account
from tests.support.clock import NOON, DrivenClock
from tests.support.services import running_services

SHORT = AT_FIRST.entries

ADD = """
    INSERT INTO contacts (account_id, country, country_folded, created_at, updated_at)
    SELECT CAST(:account AS bigint), country, country, CAST(:at AS bigint), CAST(:at AS bigint)
    FROM ROWS(:contacts AS given(country text))
"""
TAG = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at)
    SELECT account_id, id, CAST(:tag AS bigint), CAST(:at AS bigint) FROM contacts WHERE account_id = :account AND country = 'peru'
"""


async def clients(database: Database, context: Context, countries: list[str]) -> MatchingContacts:
    """The contacts that carry a tag, after contacts in these countries have been stored, and those in Peru were given it."""
    tag = await create_tag(context, name="Client")
    given = {"account": context.caller.account_id, "at": to_microseconds(NOON)}
    await database.rows(ADD, contacts=[{"country": country} for country in countries], **given)
    await database.rows(TAG, tag=tag.id, **given)
    return MatchingContacts({"contacts": {"tags": {"containsAny": [{"id": to_global_id("Tag", tag.id)}]}}})


@pytest.mark.parametrize("most", [SHORT // 50, SHORT])
async def test_a_walk_meets_everybody_once_however_long_the_list_is(database: Database, most: int) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        target = await clients(database, context, [*["chile", "peru", "peru"] * (SHORT // 2), "peru"])
        walked: list[int] = []
        while found := await target.after(context, walked[-1] if walked else 0, most):
            assert len(found) <= most
            walked += found
        assert walked == [contact.id for contact in await context.scope.contacts.filter(country="peru").order_by("id")]
        assert len(walked) == SHORT + 1


@pytest.mark.parametrize("entries", [SHORT, SHORT + 1])
async def test_a_chunk_goes_through_a_whole_list_only_where_it_is_short(
    database: Database, caplog: pytest.LogCaptureFixture, entries: int
) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        target = await clients(database, context, ["peru"] * entries)
        with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
            assert len(await target.after(context, 0, 10)) == 10
        match caplog.records[-1].args:
            case (str(statement), list(values)) if database.engine == "sqlite":
                plan = await database.connection.execute_query_dict(f"EXPLAIN QUERY PLAN {statement}", values)
                assert any(step["detail"].startswith("LIST SUBQUERY") for step in plan) == (entries <= SHORT)
