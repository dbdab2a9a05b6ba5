"""The floor of `bench.bulk`: the rows that a bulk action must store, stored by hand with set-based SQL in one transaction."""

from collections.abc import Mapping, Sequence

from bench.bulk_world import ACCOUNT, AT, USER, Scene
from bench.raw_writes import RawWriter
from models.engine.statement import Engine

IDS: Mapping[Engine, str] = {"sqlite": "json_group_array(id)", "postgresql": "CAST(json_agg(id) AS text)"}
CHOOSE = "CREATE TEMPORARY TABLE chosen AS SELECT id, score FROM contacts WHERE account_id = {account} AND status_folded IN ({statuses})"
FORGET = "DROP TABLE chosen"
TAG = """
    INSERT INTO taggings (account_id, contact_id, tag_id, tagged_at, tagged_by_id)
    SELECT {account}, id, {tag}, {at}, {user} FROM chosen WHERE true ON CONFLICT (contact_id, tag_id) DO NOTHING
"""
TOUCH = "UPDATE contacts SET updated_at = {at} WHERE id IN (SELECT id FROM chosen)"
JOIN = """
    INSERT INTO group_members (account_id, set_id, record_id, joined_at)
    SELECT {other}, {group}, id, {at} FROM chosen WHERE score < {bound}
"""
LOG = """
    INSERT INTO group_events (account_id, group_id, epoch, position, kind, from_version, to_version, member_count, cause, joined, "left",
                              occurred_at)
    SELECT {other}, {group}, '0000000000000000', number + 1, 'MEMBERS', number * 500, number * 500 + count(*), number * 500 + count(*),
           'BULK_ACTION', {ids}, '[]', {at}
    FROM (SELECT id, (row_number() OVER (ORDER BY id) - 1) / 500 AS number FROM chosen WHERE score < {bound}) AS numbered
    GROUP BY number
"""
ADVANCE = """
    UPDATE groups SET position = log.position, version = log.version, member_count = log.version
    FROM (SELECT max(position) AS position, max(to_version) AS version FROM group_events WHERE group_id = {group}) AS log
    WHERE id = {group} AND log.position IS NOT NULL
"""


async def tag_by_hand(writer: RawWriter, scene: Scene, statuses: Sequence[str], engine: Engine) -> None:
    """Taggings, the contacts' times, members, logs and counters, by one who knows what the groups ask for."""
    named = ", ".join(f"'{status}'" for status in statuses)
    given = {"account": ACCOUNT, "other": scene.account_id, "tag": scene.tag_id, "at": AT + 1, "user": USER, "ids": IDS[engine]}
    async with writer.transaction() as connection:
        for statement in (CHOOSE, TAG, TOUCH):
            await connection.fetch(statement.format(statuses=named, **given))
        for group, bound in scene.groups.items():
            for statement in (JOIN, LOG, ADVANCE):
                await connection.fetch(statement.format(group=group, bound=bound, **given))
        await connection.fetch(FORGET)
