"""The ring of a watched group: the newest steps without a gap, as many as its bounds allow, and no more."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from models import ChangeCause
from resolvers.criteria.language.record_types import CONTACT
from subscriptions.cursor import Cursor
from subscriptions.messages import DefinitionChanged, MembersChanged, Step
from subscriptions.ring import RING, RING_IDS, Ring

EPOCH = "0" * 16
LARGEST = 500  # ids of one message


def step(position: int, joined: int, left: int) -> Step:
    """A step with so many ids, or a changed definition if there are none."""
    cursor = Cursor(1, EPOCH, position)
    if not joined + left:
        return Step(cursor, DefinitionChanged(1, str(cursor)))
    ids = tuple(range(joined)), tuple(range(left))
    at = datetime(2026, 3, 2, tzinfo=UTC)
    return Step(cursor, MembersChanged(1, CONTACT.name, str(cursor), 0, 1, 1, *ids, ChangeCause.IMPORT, at))


SIZES = st.lists(st.tuples(st.sampled_from([0, 1, 100, LARGEST // 2]), st.sampled_from([0, 1, LARGEST // 2])), max_size=400)


@given(first=st.integers(0, 100), batches=st.lists(SIZES, max_size=3))
def test_a_ring_holds_the_newest_steps_that_fit(first: int, batches: list[list[tuple[int, int]]]) -> None:
    ring, steps = Ring(), list[Step]()
    for batch in batches:
        new = [step(first + len(steps) + number, *sizes) for number, sizes in enumerate(batch)]
        steps += new
        ring.extend(new)
    sizes = [sum(each) for batch in batches for each in batch]
    kept = max(count for count in range(min(RING, len(sizes)) + 1) if sum(sizes[len(sizes) - count :]) <= RING_IDS)
    assert (len(ring), ring.ids) == (kept, sum(sizes[len(sizes) - kept :]))
    held = [ring.after(Cursor(1, EPOCH, each.cursor.position - 1)) for each in steps]
    assert held == [None] * (len(steps) - kept) + steps[len(steps) - kept :]
    assert ring.after(Cursor(1, "f" * 16, first + len(steps) - 2)) is None


def test_a_ring_that_is_cleared_begins_anew() -> None:
    ring = Ring()
    ring.extend([step(1, LARGEST, 0)])
    ring.clear()
    assert (len(ring), ring.ids) == (0, 0)
    ring.extend([step(9, 1, 0)])
    assert ring.after(Cursor(1, EPOCH, 8)) == step(9, 1, 0)
