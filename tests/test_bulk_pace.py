"""The size of chunks follows from how long they take, within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from models import ChangeCause
from models.engine.database import Database
from models.fields import to_microseconds
from models.ids import to_global_id
from resolvers.bulk.pace import FEWEST, FEWEST_WHILE_OTHERS_WAIT, FIRST, STEEPEST, ChunkPace
from resolvers.bulk.tagging import TagChange
from resolvers.criteria.language.mentions import Mention
from resolvers.grouping.groups import create_group
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.verify import verify
from resolvers.records.contacts import create_contact
from resolvers.tagging.tags import create_tag
from resolvers.write import write
from tests.support.callers import new_account
from tests.support.clock import DrivenClock
from tests.support.services import running_services

MOVE = "UPDATE contacts SET country = 'Peru', country_folded = 'peru', updated_at = :at WHERE id = :id"


@given(most=st.integers(1, 100_000), chunks=st.integers(1, 5))
def test_chunks_that_take_no_time_grow_step_by_step_up_to_the_bound(most: int, chunks: int) -> None:
    pace = ChunkPace(most)
    for _ in range(chunks):
        before = pace.size
        with pace.timed():
            pass
        assert before <= pace.size <= min(before * STEEPEST, most)
    assert ChunkPace(most).size == min(FIRST, most)


def test_chunks_are_smaller_while_other_writers_wait_for_their_end() -> None:
    pace, clock = ChunkPace(100_000), iter(range(100))
    for expected in (FEWEST_WHILE_OTHERS_WAIT, FEWEST):
        with pace.timed(lambda: expected == FEWEST_WHILE_OTHERS_WAIT, clock=lambda: next(clock)):  # noqa: B023  # called at once
            pass
        assert pace.size == expected


async def test_a_contact_that_was_changed_in_another_way_too_is_judged_by_all_of_it(database: Database) -> None:
    async with running_services(database, DrivenClock()) as services:
        context = await new_account(services)
        tag = await create_tag(context, name="Client")
        client = {"tags": {"containsAny": [{"id": to_global_id("Tag", tag.id)}]}}
        for criteria in (client, {"all": [client, {"country": {"equals": ["Peru"]}}]}, {"tags": {"isEmpty": True}}):
            await create_group(context, name="Group", criteria={"contacts": criteria})
        contacts = [(await create_contact(context, fields={"country": "Chile"})).id for _ in range(3)]

        async def work(change: Change) -> None:
            await change.lock_contacts(contacts)
            await database.rows(MOVE, id=contacts[1], at=to_microseconds(change.at))
            change.touch(contacts[1], Mention("contact", "country_folded"))
            await TagChange((tag.id,), ()).apply(change, contacts)

        await write(context, ChangeCause.BULK_ACTION, work)
        counts = [group.member_count for group in await context.scope.groups.order_by("id")]
        assert counts == [3, 1, 0]
        assert await verify(database, services.definitions, context.caller.account_id) == []
