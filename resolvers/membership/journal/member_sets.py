"""The sets of members where many records join and leave at once: ids travel as lists, and no statistics are relied on."""

from collections.abc import Iterable, Mapping, Sequence

from models.engine.database import Database
from models.engine.statement import Engine
from models.fields import to_microseconds
from models.orm.numbers import ELEMENTS, lists_of, numbers_by
from resolvers.membership.candidates.account_definitions import Definition
from resolvers.membership.change import Change, Flips
from resolvers.membership.journal.log import update_members

LISTS = 20  # in one statement

# A set that is only just growing has no statistics yet. PostgreSQL would expect a record to be in a great part of it, and read all
# of it for every chunk: OFFSET 0 has it look for one record after the other, in an index.
STORED: Mapping[Engine, str] = {
    "sqlite": "SELECT set_id, record_id AS id FROM group_members WHERE record_id = ANY(:records) AND set_id + 0 = ANY(:sets)",
    "postgresql": """
        SELECT set_id, given.id FROM unnest(CAST(:records AS bigint[])) AS given(id) CROSS JOIN LATERAL
        (SELECT set_id FROM group_members WHERE record_id = given.id AND set_id + 0 = ANY(:sets) OFFSET 0) AS found
    """,
}
JOIN = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT CAST(:account AS bigint), list.set_id, CAST(element.value AS bigint), CAST(:at AS bigint)
    FROM ROWS(:lists AS list(set_id bigint, ids text)) CROSS JOIN {elements}
"""
LEAVE: Mapping[Engine, str] = {
    "sqlite": """
        DELETE FROM group_members WHERE id IN
        (SELECT member.id FROM ROWS(:lists AS list(set_id bigint, ids text)) CROSS JOIN {elements} CROSS JOIN group_members AS member
         WHERE member.record_id = CAST(element.value AS bigint) AND member.set_id = list.set_id)
    """,
    "postgresql": """
        DELETE FROM group_members WHERE id = ANY(ARRAY
        (SELECT member.id FROM ROWS(:lists AS list(set_id bigint, ids text)) CROSS JOIN {elements} CROSS JOIN LATERAL
         (SELECT id FROM group_members WHERE record_id = CAST(element.value AS bigint) AND set_id = list.set_id OFFSET 0) AS member))
    """,
}
Lists = list[dict[str, int | str]]


async def members_among(database: Database, groups: Sequence[Definition], record_ids: Sequence[int]) -> dict[int, set[int]]:
    """The members of each of these groups that are among the records."""
    sets = {definition.members_id: definition.group_id for definition in groups}
    found = await numbers_by(database, "set_id", STORED[database.engine], records=record_ids, sets=sorted(sets))
    return {group_id: set(found.get(set_id, ())) for set_id, group_id in sets.items()}


async def update_member_sets(change: Change, groups: Iterable[Definition], flips: Flips) -> None:
    """Insert those who join these groups and delete those who leave."""
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
    await update_members(change, hidden)  # who is a member of the group already stays one since then
    await _run(change, JOIN, joined)
    await _run(change, LEAVE[change.database.engine], left)


def _lists(set_id: int, record_ids: list[int]) -> Lists:
    return [{"set_id": set_id, "ids": ids} for ids in lists_of(record_ids)]


async def _run(change: Change, statement: str, lists: Lists) -> None:
    text = statement.format(elements=ELEMENTS[change.database.engine])
    given = {"account": change.account_id, "at": to_microseconds(change.at)}
    for start in range(0, len(lists), LISTS):
        await change.database.rows(text, lists=lists[start : start + LISTS], **given)
