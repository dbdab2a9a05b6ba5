"""Connections: pages put together, forward or backward, are the whole list in order. Arguments without sense are refused."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models import Contact, Tag
from models.errors import BadInput
from models.fields import to_microseconds
from models.orm.keyset import Order, write_cursor
from models.text import fold
from resolvers.operation.context import Context, PageLimits
from resolvers.reading.paging import Page, PageArguments, page
from resolvers.records.contacts import ORDERS, contacts
from resolvers.tagging.tags import tags
from tests.support.callers import new_account
from tests.support.clock import NOON

NAMES = st.sampled_from([None, "Ann", "ann", "Äpfel", "a", "b", "*", "'", "ß", "\U0001f600"])
PEOPLE = st.lists(
    st.fixed_dictionaries({"last_name": NAMES, "score": st.sampled_from([None, -1, 0, 7]), "hours": st.sampled_from([None, 0, 1])}),
    max_size=12,
)


async def _add(context: Context, people: list[dict[str, Any]]) -> list[Contact]:
    """Contacts as they are stored, some of them made at the same time."""
    return [
        await Contact.create(
            account_id=context.caller.account_id,
            last_name=person["last_name"],
            last_name_folded=person["last_name"] and fold(person["last_name"]),
            score=person["score"],
            last_activity_at=None if person["hours"] is None else NOON + timedelta(hours=person["hours"]),
            created_at=NOON + timedelta(microseconds=index // 3),
            updated_at=NOON,
        )
        for index, person in enumerate(people)
    ]


def _in_order(found: list[Contact], field: str, direction: str) -> list[int]:
    """What the order means, in Python: missing values last, and everything backwards if it is descending."""

    def place(contact: Contact) -> tuple[Any, ...]:
        column = ORDERS[field]
        value = getattr(contact, column) if column else None
        return (value is None, 0 if value is None else value, contact.id)

    return [contact.id for contact in sorted(found, key=place, reverse=direction == "DESC")]


async def _walk(context: Context, order: tuple[str, str], size: int, *, forward: bool) -> list[int]:
    """The ids of all pages, each asked for from where the one before ended."""
    walked: list[int] = []
    cursor = None
    while True:
        arguments = PageArguments(first=size, after=cursor) if forward else PageArguments(last=size, before=cursor)
        found = await contacts(context, where=None, search=None, order=order, page=arguments)
        ids = [node.id for node in found.nodes]
        walked = walked + ids if forward else ids + walked
        if not (found.has_next_page if forward else found.has_previous_page):
            return walked
        cursor = found.end_cursor if forward else found.start_cursor


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE, order=st.tuples(st.sampled_from(sorted(ORDERS)), st.sampled_from(["ASC", "DESC"])), size=st.integers(1, 5))
async def test_pages_concatenate_to_the_whole_list_in_order(
    context: Context, people: list[dict[str, Any]], order: tuple[str, str], size: int
) -> None:
    other = await new_account(context.services)
    found = await _add(other, people)
    await _add(context, people[:2])
    expected = _in_order(found, *order)
    assert await _walk(other, order, size, forward=True) == expected
    assert await _walk(other, order, size, forward=False) == expected


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(people=PEOPLE, direction=st.sampled_from(["ASC", "DESC"]), data=st.data())
async def test_between_two_cursors_lies_what_lies_between_their_rows(
    context: Context, people: list[dict[str, Any]], direction: str, data: st.DataObject
) -> None:
    other = await new_account(context.services)
    found = {contact.id: contact for contact in await _add(other, people)}
    expected = _in_order(list(found.values()), "SCORE", direction)
    start = data.draw(st.integers(0, len(expected)))
    end = data.draw(st.integers(start, len(expected)))
    order = Order("list", "score", descending=direction == "DESC")
    after = write_cursor(order, found[expected[start - 1]]) if start else None
    before = write_cursor(order, found[expected[end]]) if end < len(expected) else None
    between = await page(other.scope.contacts, PageArguments(after=after, before=before), order=order, limits=PageLimits())
    assert [node.id for node in between.nodes] == expected[start:end]


async def test_a_page_goes_on_where_the_cursor_was_though_its_row_is_gone(context: Context) -> None:
    people = await _add(context, [{"last_name": name, "score": None, "hours": None} for name in "abcd"])
    first = await _page(context, PageArguments(first=2))
    await people[1].delete()
    await _add(context, [{"last_name": "aa", "score": None, "hours": None}])
    assert [node.last_name for node in first.nodes] == ["a", "b"]
    assert [node.last_name for node in (await _page(context, PageArguments(after=first.end_cursor))).nodes] == ["c", "d"]


async def _page(context: Context, arguments: PageArguments) -> Page[Contact]:
    return await contacts(context, where=None, search=None, order=("LAST_NAME", "ASC"), page=arguments)


async def test_a_page_has_fifty_nodes_unless_told_and_two_hundred_and_fifty_at_most(context: Context) -> None:
    at = to_microseconds(NOON)
    rows = [{"name": f"tag {number:03}", "at": at, "account": context.caller.account_id} for number in range(260)]
    await context.services.database.rows(
        "INSERT INTO tags (account_id, name, name_folded, created_at, updated_at) SELECT account, name, name, at, at "
        "FROM ROWS(:rows AS given(account bigint, name text, at bigint))",
        rows=rows,
    )
    assert len((await _tags(context, PageArguments())).edges) == 50
    largest = await _tags(context, PageArguments(first=250))
    assert (len(largest.edges), largest.has_next_page, await largest.total_count()) == (250, True, 260)
    nothing = await _tags(context, PageArguments(first=0))
    assert (nothing.edges, nothing.has_next_page, nothing.start_cursor) == ([], True, None)


async def _tags(context: Context, arguments: PageArguments) -> Page[Tag]:
    return await tags(context, search=None, page=arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (PageArguments(first=1, last=1), "`first` and `last` exclude each other"),
        (PageArguments(first=-1), "`first` is -1"),
        (PageArguments(last=251), "`last` is 251"),
        (PageArguments(after="nonsense"), "`after` is not a cursor of this list"),
        (PageArguments(before="é"), "`before` is not a cursor of this list"),
        (PageArguments(after=""), "`after` is not a cursor of this list"),
    ],
)
async def test_arguments_without_sense_are_refused_by_name(context: Context, arguments: PageArguments, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        await _page(context, arguments)


@pytest.mark.parametrize(
    "content",
    [
        b'["contacts LAST_NAME ASC","a"]',
        b'["contacts LAST_NAME ASC",7,1]',
        b'["contacts LAST_NAME ASC","a\\u0000",1]',
        b'["contacts LAST_NAME ASC","a",true]',
        b'["contacts LAST_NAME ASC","a",9223372036854775808]',
        b'["contacts LAST_NAME DESC","a",1]',
        b'["contacts SCORE ASC",1,1]',
        b'["tags ASC","a",1]',
        b"[" * 100_000,
    ],
)
async def test_a_cursor_of_another_list_or_a_forged_one_is_refused(context: Context, content: bytes) -> None:
    with pytest.raises(BadInput, match="`after` is not a cursor of this list"):
        await _page(context, PageArguments(after=base64.urlsafe_b64encode(content).decode()))


async def test_a_forged_score_that_no_column_holds_is_refused(context: Context) -> None:
    cursor = base64.urlsafe_b64encode(b'["contacts SCORE ASC",2147483648,1]').decode()
    with pytest.raises(BadInput, match="`after` is not a cursor of this list"):
        await contacts(context, where=None, search=None, order=("SCORE", "ASC"), page=PageArguments(after=cursor))
