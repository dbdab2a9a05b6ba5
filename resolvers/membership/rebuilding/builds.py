"""Builds: hidden groups that hold the next membership of a group while writers go on.

Every write keeps a hidden group up to date from the moment it is created. All other records are evaluated for it chunk by chunk.
Groups that depend on a group with a build get builds too, whose criteria mention the hidden groups instead of the present ones.
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
from resolvers.membership.rebuilding.statements import (
    BUILDS,
    CREATE_BUILDS,
    DEFINE_BUILDS,
    DELETE_GROUPS,
    DELETE_LOGS,
    RETIRE_MEMBERS,
    SET_STATES,
)

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Build:
    """A hidden group: its id, the group that it will replace, and the criteria that the group will then have."""

    id: int
    group_id: int
    criteria: Document
    is_edit: bool  # false if the group is rebuilt only because another one was edited
    is_first: bool  # the group has had no members so far


async def read_builds(database: Database, account_id: int) -> list[Build]:
    """The account's builds, ascending by id."""
    rows = await database.rows(BUILDS, account=account_id)
    replaced = {row["id"]: row["group_id"] for row in rows}
    return [_build(row, replaced) for row in rows]


def _build(row: Mapping[str, Any], replaced: Mapping[int, int]) -> Build:
    criteria, is_first = with_groups(orjson.loads(row["criteria"]), replaced), row["members_id"] == 0
    return Build(row["id"], row["group_id"], criteria, is_first or criteria != orjson.loads(row["present"]), is_first)


async def plan_builds(change: Change, definitions: AccountDefinitions, wanted: Mapping[int, Document | None]) -> None:
    """Start building groups with these criteria, and stop building those whose criteria are None. The fence must be exclusive.

    All other builds of the account start again, because one group's next members may depend on another's.
    """
    under_way = await read_builds(change.database, change.account_id)
    edits: dict[int, Document | None] = {build.group_id: build.criteria for build in under_way if build.is_edit}
    edits |= wanted
    await discard(change, [build.id for build in under_way])
    await _create(change, definitions, {group_id: criteria for group_id, criteria in edits.items() if criteria is not None})


async def delete_with_build(change: Change, group_id: int, under_way: Sequence[Build]) -> None:
    """Delete a group and its build. Other builds mention the group by its own id from now on."""
    others = [build for build in under_way if build.group_id != group_id]
    await _define(change, {build.id: build.criteria for build in others}, {build.group_id: build.id for build in others})
    await discard(change, [group_id, *(build.id for build in under_way if build.group_id == group_id)])


async def discard(change: Change, ids: list[int]) -> None:
    """Delete these groups with their logs, and retire their members, which are deleted later."""
    for statement in (RETIRE_MEMBERS, DELETE_LOGS, DELETE_GROUPS) if ids else ():
        await change.database.rows(statement, account=change.account_id, ids=ids)


async def _create(change: Change, definitions: AccountDefinitions, edits: Mapping[int, Document]) -> None:
    affected = edits.keys() | _visible(definitions, definitions.dependants(edits))
    given = {"account": change.account_id, "epoch": new_epoch(), "at": to_microseconds(change.at)}
    rows = await change.database.rows(CREATE_BUILDS, ids=sorted(affected), **given)
    numbers = {row["replaces_id"]: row["id"] for row in rows}
    criteria = {row["id"]: edits.get(row["replaces_id"]) or orjson.loads(row["criteria"]) for row in rows}
    await _define(change, criteria, numbers)
    await change.database.rows(SET_STATES, building=sorted(edits), account=change.account_id)
    change.recompile(*numbers.values())


async def _define(change: Change, criteria: Mapping[int, Document], numbers: Mapping[int, int]) -> None:
    """Store the criteria of hidden groups, after replacing the ids of the groups that they mention by these."""
    defined = [{"id": number, "criteria": orjson.dumps(with_groups(document, numbers)).decode()} for number, document in criteria.items()]
    if defined:
        await change.database.rows(DEFINE_BUILDS, account=change.account_id, builds=defined)


def _visible(definitions: AccountDefinitions, group_ids: Iterable[int]) -> set[int]:
    return {group_id for group_id in group_ids if definitions.groups[group_id].replaces_id is None}
