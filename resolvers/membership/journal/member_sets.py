"""Storing many joins and leaves at once, as when a chunk of a bulk action is settled: ids travel as lists."""

from collections.abc import Iterable, Sequence

from models.engine.database import Database
from models.fields import to_microseconds
from models.orm.numbers import ELEMENTS, lists_of, numbers_by
from resolvers.membership.candidates.account_definitions import Definition
from resolvers.membership.change import Change, Flips
from resolvers.membership.journal.log import update_members
from resolvers.membership.journal.statements import JOIN_LISTS, LEAVE_LISTS, MEMBERS_AMONG

LISTS = 20  # of ids, in one statement

Lists = list[dict[str, int | str]]


async def members_among(database: Database, groups: Sequence[Definition], record_ids: Sequence[int]) -> dict[int, set[int]]:
    """The stored members of each of these groups among these records."""
    sets = {definition.members_id: definition.group_id for definition in groups}
    found = await numbers_by(database, "set_id", MEMBERS_AMONG[database.engine], records=record_ids, sets=sorted(sets))
    return {group_id: set(found.get(set_id, ())) for set_id, group_id in sets.items()}


async def update_many_members(change: Change, groups: Iterable[Definition], flips: Flips) -> None:
    """Store many joins and leaves of these groups in their member sets, without logging them."""
    hidden = Flips()
    joined: Lists = []
    left: Lists = []
    for definition in groups:
        group_id = definition.group_id
        if definition.replaces_id is None:
            joined += _lists(definition.members_id, flips.joined.get(group_id, []))
            left += _lists(definition.members_id, flips.left.get(group_id, []))
        else:
            hidden.joined[group_id], hidden.left[group_id] = flips.joined.get(group_id, []), flips.left.get(group_id, [])
    await update_members(change, hidden)  # keeps the time at which present members joined
    await _run(change, JOIN_LISTS, joined)
    await _run(change, LEAVE_LISTS[change.database.engine], left)


def _lists(set_id: int, record_ids: list[int]) -> Lists:
    return [{"set_id": set_id, "ids": ids} for ids in lists_of(record_ids)]


async def _run(change: Change, statement: str, lists: Lists) -> None:
    text = statement.format(elements=ELEMENTS[change.database.engine])
    given = {"account": change.account_id, "at": to_microseconds(change.at)}
    for start in range(0, len(lists), LISTS):
        await change.database.rows(text, lists=lists[start : start + LISTS], **given)
