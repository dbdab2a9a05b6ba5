"""The event loop never does much in one go, whatever a client sends: other clients are answered in between."""

import asyncio
import threading
from collections import Counter
from itertools import count
from typing import Any, NoReturn

import pytest
from graphql import build_schema, parse

from models.event_loop import LONGEST, in_thread, pace, pause
from models.ids import to_global_id
from resolvers.operation.context import Context
from schema.pausing_executor import PausingExecutor
from tests.support.graphql import answer, ask
from tests.support.slices import Slices, counted_slices
from tests.support.transport_server import DEADLINE

MOST = 60_000  # calls in one go, which take about 15 milliseconds
TYPES = "{ types { name fields { name args { name } type { name ofType { name } } } } }"
NOTED = "{ contacts(first: 60) { nodes { id email tags { id name } taggings { taggedAt tag { id } taggedBy { name } } owner { name } } } }"
IMPORT = "mutation ($rows: [UpsertContactInput!]!) { importContacts(input: {rows: $rows}) { created userErrors { message } } }"
CREATE = 'mutation ($criteria: CriteriaInput!) { createGroup(input: {name: "All", criteria: $criteria}) { group { criteriaText } } }'
READ = "{ groups { nodes { criteria criteriaText diagnostics { message } } } }"
ADD_TAGS = """
mutation ($ids: [ID!]!, $tags: [TagRef!]!) { addTags(input: {contactIds: $ids, tags: $tags}) { userErrors { code } } }
"""
FIND = "query ($where: ContactCriteria!) { contacts(where: $where) { totalCount } }"


@pytest.fixture
async def warm(owner: Context) -> Context:
    """A caller in a process that has answered before."""
    await ask(owner, "{ viewer { role } __schema { queryType { name } } }")
    return owner


async def slices_of(context: Context, query: str, **variables: Any) -> Slices:
    """What the event loop does for an operation, whose answer must have no errors."""
    with counted_slices() as slices:
        found = await answer(context, query, variables)
    assert "errors" not in found, found
    return slices


def rows(count: int) -> list[dict[str, Any]]:
    """Rows for an import, with tags that they share."""
    tags = [{"name": f"tag {number}"} for number in range(6)]
    return [
        {"fields": {"email": f"{number}@example.com", "firstName": "Ann", "city": "Bonn"}, "tags": tags, "createMissingTags": True}
        for number in range(count)
    ]


async def test_introspection_pauses_between_types(warm: Context) -> None:
    slices = await slices_of(warm, f"{{ one: __schema {TYPES} two: __schema {TYPES} }}")
    assert slices.longest <= MOST < slices.total, slices.stack


async def test_a_document_is_checked_in_a_thread(warm: Context) -> None:
    slices = await slices_of(warm, "{ viewer {" + " role" * 150 + " } }")
    assert slices.total < MOST, slices.stack


async def test_a_page_pauses_between_contacts_and_before_what_they_refer_to(warm: Context) -> None:
    slices = await slices_of(warm, IMPORT, rows=rows(60))
    assert slices.longest <= MOST, slices.stack
    slices = await slices_of(warm, NOTED)
    assert slices.longest <= MOST < slices.total, slices.stack


async def test_an_operation_that_is_cancelled_between_types_ends(warm: Context) -> None:
    with counted_slices() as slices:
        answering = asyncio.create_task(answer(warm, f"{{ one: __schema {TYPES} two: __schema {TYPES} }}"))
        while slices.total < MOST:  # noqa: ASYNC110  # no event says how much has been done
            await asyncio.sleep(0)
        answering.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answering
        for _ in range(100):  # iterations in which what had begun ends
            await asyncio.sleep(0)
    assert slices.longest <= MOST, slices.stack
    assert slices.total <= 3 * MOST


async def test_values_of_mutations_are_converted_in_a_thread(warm: Context) -> None:
    tags = [{"id": to_global_id("Tag", number)} for number in range(10_000)]
    with counted_slices() as slices:
        found = await answer(warm, ADD_TAGS, {"tags": tags, "ids": [to_global_id("Contact", 1)]})
    assert found["data"]["addTags"]["userErrors"][0]["code"] == "LIMIT_EXCEEDED"
    assert slices.longest <= MOST, slices.stack
    assert slices.total <= 3 * MOST // 2


async def test_objects_of_any_kind_are_read_at_once(warm: Context) -> None:
    ids = [to_global_id(kind, number) for number in range(60) for kind in ("Account", "AccessToken", "AuditEntry", "Contact")]
    asked = " ".join(f"n{number}: nodes(ids: $ids) {{ id }}" for number in range(5))
    slices = await slices_of(warm, f"query ($ids: [ID!]!) {{ {asked} }}", ids=ids)
    assert slices.longest <= MOST, slices.stack
    assert slices.total < 4 * MOST, slices.total


async def test_large_criteria_are_read_and_compiled_in_a_thread(warm: Context) -> None:
    where = {"any": [{"city": {"equals": [f"city {number}.{each}" for each in range(1_000)]}} for number in range(5)]}
    for query, given in ((FIND, {"where": where}), (CREATE, {"criteria": {"contacts": where}}), (READ, {}), (IMPORT, {"rows": rows(1)})):
        slices = await slices_of(warm, query, **given)
        assert slices.longest <= MOST, (query, slices.stack)


# ---------------------------------------------------------------- the pace


async def test_tasks_that_pause_take_turns() -> None:
    ours, done, now = pace(), Counter(dict.fromkeys(range(12), 0)), 0.0
    ours.clock = lambda: now
    await asyncio.sleep(0)  # so that this iteration has begun by that clock

    async def work(number: int) -> None:
        nonlocal now
        for _ in range(5):
            now += LONGEST * 2
            await pause()
            done[number] += 1
            assert max(done.values()) - min(done.values()) <= 2, done

    await asyncio.gather(*map(work, done))
    assert {*done.values()} == {5}


async def test_a_task_that_is_cancelled_while_it_pauses_holds_nobody_up() -> None:
    ours, now = pace(), 0.0
    ours.clock = lambda: now
    await asyncio.sleep(0)
    await pause()
    now = LONGEST * 2
    gone, waiting = asyncio.create_task(pause()), asyncio.create_task(pause())
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(DEADLINE):
        await waiting


async def test_long_work_is_done_in_a_thread_one_piece_at_a_time() -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def work() -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return threading.get_ident()

    threads = await asyncio.gather(*(in_thread(work) for _ in range(20)))
    assert threading.get_ident() not in threads
    assert most == 1


async def test_a_part_that_fails_while_others_pause_leaves_them_whole() -> None:
    ours, ticks = pace(), count()
    ours.clock = lambda: next(ticks) * LONGEST

    async def fail(_info: object) -> NoReturn:
        for _ in range(20):
            await asyncio.sleep(0)
        raise ValueError("it failed")

    items = [{"number": number} for number in range(40)]
    graph = build_schema("type Query { broken: Part, whole: Part } type Part { fails: Int!, items: [Item!]! } type Item { number: Int! }")
    document = parse("{ broken { fails items { number } } whole { items { number } } }")
    root = {"broken": {"fails": fail, "items": items}, "whole": {"items": items}}
    async with asyncio.timeout(DEADLINE):
        result = await PausingExecutor.build(graph, document, root, None, None).execute_operation()
    assert result.data == {"broken": None, "whole": {"items": items}}
