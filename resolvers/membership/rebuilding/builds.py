"""The next membership of a group, made beside the one in force while writers go on.

It is a hidden group of its own, which every writer keeps true from the moment it is registered; the records that nobody
touches are judged chunk by chunk. Groups that depend on a group that is replaced are replaced together with it, and what
the hidden groups say of each other they say in terms of each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from models.engine.database import Database
from models.fields import to_microseconds
from resolvers.criteria.language.renaming import with_groups
from resolvers.membership.candidates.account_definitions import AccountDefinitions
from resolvers.membership.change import Change
from resolvers.membership.rebuilding.rebuild import new_epoch

Document = Mapping[str, Any]

BUILDS = """
    SELECT build.id, build.replaces_id AS group_id, build.criteria, groups.criteria AS present, groups.members_id
    FROM groups AS build JOIN groups ON groups.id = build.replaces_id WHERE build.account_id = :account ORDER BY build.id
"""
BEGIN = """
    INSERT INTO groups (account_id, name, name_folded, record_type, criteria, "view", edit, state, epoch, position, version,
                        definition_version, member_count, replaces_id, created_at, updated_at)
    SELECT account_id, name, name_folded, record_type, criteria, '', '', 'BUILDING', CAST(:epoch AS text), 0, 0, 0, 0, id,
           CAST(:at AS bigint), CAST(:at AS bigint)
    FROM groups WHERE id = ANY(:ids) ORDER BY id RETURNING id, replaces_id, criteria
"""
DEFINE = """
    UPDATE groups SET members_id = groups.id, criteria = build.criteria
    FROM ROWS(:builds AS build(id bigint, criteria text)) WHERE groups.id = build.id
"""
STATES = """
    UPDATE groups SET state = CASE WHEN id = ANY(:building) THEN 'BUILDING' ELSE 'READY' END
    WHERE account_id = :account AND replaces_id IS NULL AND (state = 'BUILDING' OR id = ANY(:building))
"""
RETIRE = "INSERT INTO retired_sets (id) SELECT members_id FROM groups WHERE id = ANY(:ids) AND members_id <> 0"
FORGET_LOGS = "DELETE FROM group_events WHERE group_id = ANY(:ids)"
FORGET = "DELETE FROM groups WHERE id = ANY(:ids)"


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """A membership in the making: its number, the group that it is for, and the criteria with which that group is to go on."""

    id: int
    group_id: int
    criteria: Document
    is_edit: bool  # rather than the consequence of another group's edit
    is_first: bool


async def builds(database: Database, account_id: int) -> list[Build]:
    """The account's memberships in the making."""
    rows = await database.rows(BUILDS, account=account_id)
    back = {row["id"]: row["group_id"] for row in rows}
    return [_build(row, back) for row in rows]


def _build(row: Mapping[str, Any], back: Mapping[int, int]) -> Build:
    criteria, is_first = with_groups(orjson.loads(row["criteria"]), back), row["members_id"] == 0
    return Build(row["id"], row["group_id"], criteria, is_first or criteria != orjson.loads(row["present"]), is_first)


async def plan(change: Change, definitions: AccountDefinitions, wanted: Mapping[int, Document | None]) -> None:
    """Begin to build groups with these criteria, or give up building where there are none; the fence must be exclusive.

    What was being built in the account begins anew, because one group's next membership may depend on another's.
    """
    under_way = await builds(change.database, change.account_id)
    edits: dict[int, Document | None] = {build.group_id: build.criteria for build in under_way if build.is_edit}
    edits |= wanted
    await forget(change, [build.id for build in under_way])
    await _begin(change, definitions, {group_id: criteria for group_id, criteria in edits.items() if criteria is not None})


async def delete(change: Change, group_id: int, under_way: Sequence[Build]) -> None:
    """Delete a group with what is being built for it; what else is under way goes by its public number from now on."""
    others = [build for build in under_way if build.group_id != group_id]
    await _define(change, {build.id: build.criteria for build in others}, {build.group_id: build.id for build in others})
    await forget(change, [group_id, *(build.id for build in under_way if build.group_id == group_id)])


async def forget(change: Change, ids: list[int]) -> None:
    """Give up these hidden groups, and leave their members to be swept away."""
    for statement in (RETIRE, FORGET_LOGS, FORGET) if ids else ():
        await change.database.rows(statement, ids=ids)


async def _begin(change: Change, definitions: AccountDefinitions, edits: Mapping[int, Document]) -> None:
    affected = edits.keys() | _in_force(definitions, definitions.dependants(edits))
    rows = await change.database.rows(BEGIN, ids=sorted(affected), epoch=new_epoch(), at=to_microseconds(change.at))
    numbers = {row["replaces_id"]: row["id"] for row in rows}
    criteria = {row["id"]: edits.get(row["replaces_id"]) or orjson.loads(row["criteria"]) for row in rows}
    await _define(change, criteria, numbers)
    await change.database.rows(STATES, building=sorted(edits), account=change.account_id)
    change.recompile(*numbers.values())


async def _define(change: Change, criteria: Mapping[int, Document], numbers: Mapping[int, int]) -> None:
    """Give hidden groups their criteria, in which groups go by these numbers."""
    defined = [{"id": number, "criteria": orjson.dumps(with_groups(document, numbers)).decode()} for number, document in criteria.items()]
    if defined:
        await change.database.rows(DEFINE, builds=defined)


def _in_force(definitions: AccountDefinitions, group_ids: Iterable[int]) -> set[int]:
    return {group_id for group_id in group_ids if definitions.groups[group_id].replaces_id is None}
